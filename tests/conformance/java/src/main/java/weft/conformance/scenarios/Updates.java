package weft.conformance.scenarios;

import static weft.conformance.harness.Histories.TASK;
import static weft.conformance.harness.Scenario.as;
import static weft.conformance.harness.Scenario.equal;
import static weft.conformance.scenarios.Sequences.COMPLETED;
import static weft.conformance.scenarios.Sequences.READY;
import static weft.conformance.scenarios.Sequences.SIGNALED;

import io.grpc.Status.Code;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.client.UpdateOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowUpdateException;
import io.temporal.client.WorkflowUpdateHandle;
import io.temporal.client.WorkflowUpdateStage;
import io.temporal.failure.ApplicationFailure;
import weft.conformance.harness.Failed;
import weft.conformance.harness.Needs;
import weft.conformance.harness.Plays;
import weft.conformance.harness.Run;
import weft.conformance.harness.Scenario;
import weft.conformance.work.Family;

/** Updates: results, rejections, with a start. */
final class Updates {
  private static final String ACCEPTED = ", " + TASK + ", WorkflowExecutionUpdateAccepted";
  private static final String UPDATED = ACCEPTED + ", WorkflowExecutionUpdateCompleted";
  private static final String CLOSED = SIGNALED + TASK + COMPLETED;

  private Updates() {}

  /** A till that has run its first task: what comes next is a task of its own. */
  private static Run openTill(Scenario s) throws Exception {
    Run till = s.start(Family.Till.class);
    s.untilEvent(s.id(), "WorkflowTaskCompleted", 1);
    return till;
  }

  private static UpdateOptions<Integer> payment(String name, String id, WorkflowUpdateStage stage) {
    return UpdateOptions.newBuilder(Integer.class)
        .setUpdateName(name)
        .setUpdateId(id)
        .setWaitForStage(stage)
        .build();
  }

  private static Integer pay(Scenario s, String id, int amount) {
    return s.handle(s.id()).startUpdate(payment("pay", id, WorkflowUpdateStage.COMPLETED), amount).getResult();
  }

  private static void closes(Scenario s, Run till, int sum) throws Exception {
    s.handle(s.id()).signal("close");
    equal(s.result(till, Integer.class), sum);
    s.refused(Code.NOT_FOUND, () -> pay(s, "new", 1));
  }

  @Plays
  static void anUpdateChangesTheWorkflowAndHasAResult(Scenario s) throws Exception {
    s.worker();
    Run till = openTill(s);
    equal(pay(s, "first", 3), 3);
    equal(pay(s, "second", 4), 7);
    // What was asked once is answered so again, also after the end.
    equal(pay(s, "second", 9), 7);
    closes(s, till, 7);
    equal(pay(s, "second", 9), 7);
    s.assertHistory(till, READY + UPDATED + UPDATED + CLOSED);
  }

  @Plays
  static void aRejectedUpdateLeavesNoTrace(Scenario s) throws Exception {
    s.worker();
    Run till = openTill(s);
    try {
      pay(s, "debt", -1);
      throw new Failed("the update was taken");
    } catch (WorkflowUpdateException rejected) {
      equal(as(ApplicationFailure.class, rejected).getOriginalMessage(), "no debts");
    }
    s.assertHistory(till, READY);
    equal(pay(s, "", 1), 1);
    closes(s, till, 1);
    s.assertHistory(till, READY + UPDATED + CLOSED);
  }

  @Plays
  static void anUpdateCanStartItsWorkflow(Scenario s) throws Exception {
    s.worker();
    Run till = startedBy(s, WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL, "first", 3, 3);
    Run joined = startedBy(s, WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, "second", 4, 7);
    equal(joined, till);
    closes(s, till, 7);
    s.assertHistory(till, "WorkflowExecutionStarted" + UPDATED + UPDATED + CLOSED);
  }

  private static Run startedBy(Scenario s, WorkflowIdConflictPolicy policy, String id, int amount, int sum) {
    WorkflowStub stub = s.stub(s.options("").setWorkflowIdConflictPolicy(policy), Family.Till.class);
    WorkflowUpdateHandle<Integer> handle =
        stub.startUpdateWithStart(
            payment("pay", id, WorkflowUpdateStage.COMPLETED), new Object[] {amount}, new Object[] {});
    equal(handle.getResult(), sum);
    return new Run(s.id(), stub.getExecution().getRunId());
  }

  /** kill -9 of the server between the stages of an update. */
  @Plays(Needs.OWN_SERVER)
  static void acceptedAndCompletedUpdatesSurviveTheServer(Scenario s) throws Exception {
    s.worker();
    Run till = openTill(s);
    s.handle(s.id()).startUpdate(payment("pay slowly", "slow", WorkflowUpdateStage.ACCEPTED), 5);
    s.restartServer();
    s.handle(s.id()).signal("nod");
    s.untilEvent(s.id(), "WorkflowExecutionUpdateCompleted", 1);
    s.restartServer();
    equal(pay(s, "slow", 9), 5);
    closes(s, till, 5);
    s.assertHistory(
        till, READY + ACCEPTED + SIGNALED + TASK + ", WorkflowExecutionUpdateCompleted" + CLOSED);
  }
}
