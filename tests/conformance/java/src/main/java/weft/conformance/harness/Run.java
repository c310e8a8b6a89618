package weft.conformance.harness;

import io.temporal.api.common.v1.WorkflowExecution;

/** A run of a workflow; without a run id it is whichever is the latest. */
public record Run(String id, String runId) {
  static Run of(WorkflowExecution execution) {
    return new Run(execution.getWorkflowId(), execution.getRunId());
  }

  public WorkflowExecution execution() {
    return WorkflowExecution.newBuilder().setWorkflowId(id).setRunId(runId).build();
  }
}
