package weft.conformance.work;

import io.temporal.worker.Worker;
import io.temporal.worker.WorkflowImplementationOptions;

/** All that a worker or a replayer of the suite knows. */
public final class Work {
  private Work() {}

  /** Tells a worker all workflows and all activities. */
  public static void register(Worker worker, Signs signs) {
    WorkflowImplementationOptions options =
        WorkflowImplementationOptions.newBuilder().setEnableUpsertVersionSearchAttributes(true).build();
    worker.registerWorkflowImplementationTypes(
        options,
        Plain.GreeterCode.class,
        Plain.ThinkerCode.class,
        Plain.FlakyCode.class,
        Plain.RelayCode.class,
        Plain.ClumsyCode.class,
        Plain.LabellerCode.class,
        Plain.PatchedCode.class,
        Plain.ScribeCode.class,
        Plain.CollectorCode.class,
        Plain.SleeperCode.class,
        Plain.RaceCode.class,
        Errands.RunnerCode.class,
        Errands.TourCode.class,
        Errands.LocalRunnerCode.class,
        Family.TillCode.class,
        Family.PatientCode.class,
        Family.ParentCode.class,
        Family.LeaverCode.class,
        Family.TellerCode.class);
    worker.registerActivitiesImplementations(new Deeds.Done(signs));
  }
}
