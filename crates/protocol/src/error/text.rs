//! The texts of refusals that clients, tools and other people's tests compare, word for word as Temporal's server
//! gives them. Behind each group stands the place in `temporalio/temporal` (or `api-go`) where the wording is found.
//!
//! Texts with values in them are made by the constructors of [`Error`](super::Error).

// service/frontend/errors.go: what the request itself gets wrong (INVALID_ARGUMENT).
pub const REQUEST_NOT_SET: &str = "Request is nil.";
pub const NAMESPACE_NOT_SET: &str = "Namespace not set on request.";
pub const NAMESPACE_EMPTY: &str = "Namespace is empty.";
pub const NAMESPACE_NAME_AND_ID: &str = "Only one of namespace name or Id should be set on request.";
pub const NAMESPACE_TOO_LONG: &str = "Namespace length exceeds limit.";
pub const EXECUTION_NOT_SET: &str = "Execution is not set on request.";
pub const WORKFLOW_ID_NOT_SET: &str = "WorkflowId is not set on request.";
pub const WORKFLOW_ID_TOO_LONG: &str = "WorkflowId length exceeds limit.";
pub const RUN_ID_INVALID: &str = "Invalid RunId.";
pub const RUN_ID_NO_UUID: &str = "RunId is not valid UUID.";
pub const WORKFLOW_TYPE_NOT_SET: &str = "WorkflowType is not set on request.";
pub const WORKFLOW_TYPE_MISSING: &str = "workflow type not set";
pub const WORKFLOW_TYPE_TOO_LONG: &str = "WorkflowType length exceeds limit.";
pub const TASK_QUEUE_MISSING: &str = "taskQueue is not set";
pub const TASK_QUEUE_NOT_SET: &str = "missing task queue name";
pub const TASK_QUEUE_TOO_LONG: &str = "taskQueue length exceeds limit";
pub const ACTIVITY_ID_NOT_SET: &str = "ActivityId is not set on request.";
pub const ACTIVITY_ID_OR_TYPE_NOT_SET: &str = "Either Activity.Id or Activity.Type should be set on request.";
pub const SIGNAL_NAME_NOT_SET: &str = "SignalName is not set on request.";
pub const SIGNAL_NAME_TOO_LONG: &str = "SignalName length exceeds limit.";
pub const REQUEST_ID_NOT_SET: &str = "RequestId is not set on request.";
pub const REQUEST_ID_TOO_LONG: &str = "RequestId length exceeds limit.";
pub const IDENTITY_NOT_SET: &str = "Identity is not set on request.";
pub const IDENTITY_TOO_LONG: &str = "Identity length exceeds limit.";
pub const JOB_ID_NOT_SET: &str = "JobId is not set on request.";
pub const JOB_ID_TOO_LONG: &str = "WorkflowId exceeds length limit.";
pub const REASON_NOT_SET: &str = "Reason is not set on request.";
pub const QUERY_NOT_SET: &str = "WorkflowQuery is not set on request.";
pub const QUERY_TYPE_NOT_SET: &str = "QueryType is not set on request.";
pub const EXECUTION_TIMEOUT_INVALID: &str = "An invalid WorkflowExecutionTimeoutSeconds is set on request.";
pub const RUN_TIMEOUT_INVALID: &str = "An invalid WorkflowRunTimeoutSeconds is set on request.";
pub const TASK_TIMEOUT_INVALID: &str = "An invalid WorkflowTaskTimeoutSeconds is set on request.";
pub const START_DELAY_INVALID: &str = "An invalid WorkflowStartDelaySeconds is set on request.";
pub const CRON_AND_START_DELAY: &str = "CronSchedule and WorkflowStartDelay may not be used together.";
pub const TERMINATE_IF_RUNNING_WITH_CONFLICT_POLICY: &str = "Invalid WorkflowIDReusePolicy: \
     WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together with a WorkflowIDConflictPolicy";
pub const REJECT_DUPLICATE_WITH_TERMINATE_EXISTING: &str = "Invalid WorkflowIDReusePolicy: \
     WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with WorkflowIdConflictPolicy \
     WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING";
pub const CONTEXT_TIMEOUT_NOT_SET: &str = "Context timeout is not set.";
pub const CONTEXT_TIMEOUT_TOO_SHORT: &str = "Context timeout is too short.";
pub const RETENTION_INVALID: &str = "A valid retention period is not set on request.";
pub const CRON_INVALID: &str = "invalid CronSchedule.";
pub const CRON_NEVER: &str = "invalid CronSchedule, no time can be found to satisfy the schedule";
pub const CALLBACKS_WITHOUT_REQUEST_ID: &str = "attaching request ID is required for attaching completion callbacks";
pub const SIGNAL_NOT_SET: &str = "signal not set";
pub const CONFLICT_FAIL_NOT_SUPPORTED: &str = "Invalid WorkflowIDConflictPolicy: \
     WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this operation.";
pub const BLOB_TOO_LARGE: &str = "Blob data size exceeds limit.";
pub const MEMO_TOO_LARGE: &str = "Memo size exceeds limit.";
pub const TASK_TOKEN_INVALID: &str = "Invalid TaskToken.";
pub const TASK_TOKEN_NOT_SET: &str = "Task token not set on request.";
pub const TASK_TOKEN_OF_ANOTHER_NAMESPACE: &str = "Operation requested with a token from a different namespace.";
pub const TASK_TOKEN_UNREADABLE: &str = "Error deserializing task token.";
pub const PAGE_TOKEN_INVALID: &str = "Invalid NextPageToken.";
pub const PAGE_TOKEN_OF_ANOTHER_RUN: &str = "RunId in the request does not match the NextPageToken.";
/// Also given for a run id that is well formed but was never used, where the workflow id exists.
pub const HISTORY_NOT_FOUND: &str = "Requested workflow history not found, may have passed retention period.";
pub const START_TIME_FILTER_INVALID: &str = "EarliestTime in StartTimeFilter should not be larger than LatestTime.";
pub const STATUS_FILTER_INVALID: &str = "StatusFilter must be specified and must be not Running.";
pub const SEARCH_ATTRIBUTES_NOT_SET: &str = "SearchAttributes are not set on request.";
pub const SEARCH_ATTRIBUTE_NAMESPACE_NOT_SET: &str = "Namespace is not set on request.";
pub const FAILURE_NOT_APPLICATION: &str = "Failure must have ApplicationFailureInfo.";
pub const UPDATE_META_NOT_SET: &str = "Update meta is not set on request.";
pub const UPDATE_INPUT_NOT_SET: &str = "Update input is not set on request.";
pub const UPDATE_NAME_NOT_SET: &str = "Update name is not set on request.";
pub const UPDATE_ID_TOO_LONG: &str = "UpdateId length exceeds limit.";
pub const UPDATE_REF_NOT_SET: &str = "UpdateRef is not set on request.";
pub const UPDATE_ASYNC_ADMITTED: &str = "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is \
     not supported.";
pub const MULTI_OPERATION_FAILED: &str = "Update-with-Start could not be executed.";
pub const MULTI_OPERATION_IDS_DIFFER: &str = "WorkflowId is not consistent with previous operation(s).";
pub const MULTI_OPERATION_NAMESPACES_DIFFER: &str = "Operation namespace did not match request's namespace.";
pub const MULTI_OPERATION_CRON: &str = "CronSchedule is not allowed.";
pub const MULTI_OPERATION_EAGER: &str = "RequestEagerExecution is not supported.";
pub const MULTI_OPERATION_START_DELAY: &str = "WorkflowStartDelay is not supported.";
pub const MULTI_OPERATION_RUN: &str = "RunId is not allowed.";
pub const MULTI_OPERATION_FIRST_RUN: &str = "FirstExecutionRunId is not allowed.";
pub const MULTI_OPERATION_ABORTED: &str = "Operation was aborted.";
pub const MULTI_OPERATION_NOT_START_AND_UPDATE: &str = "Operations have to be exactly [Start, Update].";

// service/history/consts/const.go: what the execution's state does not allow.
pub const WORKFLOW_COMPLETED: &str = "workflow execution already completed";
pub const WORKFLOW_NOT_FOUND: &str = "workflow execution not found";
pub const ACTIVITY_NOT_FOUND: &str =
    "invalid activityID or activity already timed out or invoking workflow is completed";
pub const PENDING_ACTIVITY_NOT_FOUND: &str =
    "Can't find pending activity with such ID. Invalid activityID or activity already completed";
pub const ACTIVITY_NOT_CANCEL_REQUESTED: &str =
    "unable to mark activity as canceled without activity being request canceled first";
pub const SIGNALS_LIMIT_EXCEEDED: &str = "exceeded workflow execution limit for signal events";
pub const WORKFLOW_CLOSING: &str = "workflow operation can not be applied because workflow is closing";
pub const WORKFLOW_BUSY: &str = "Workflow is busy.";
pub const QUERY_BUFFER_FULL: &str = "consistent query buffer is full, this may be caused by too many queries and \
     workflow not able to process query fast enough";
pub const QUERY_BUFFER_CLEARED: &str = "buffered query cleared, please retry";
pub const WORKFLOW_NOT_READY: &str = "Workflow state is not ready to handle the request.";
pub const WORKFLOW_TASK_NOT_SCHEDULED: &str = "Workflow task is not scheduled yet.";
pub const CLOSED_BEFORE_TASK_STARTED: &str = "Workflow execution closed before WorkflowTaskStarted event";

// service/history/workflow/update: what became of an update.
pub const UPDATE_CLOSED: &str = "workflow update was aborted by closing workflow";
pub const UPDATE_ABORTED: &str = "workflow update was aborted";
pub const UPDATE_TASK_FAILED: &str =
    "Unable to perform workflow execution update due to unexpected workflow task failure.";
pub const UPDATE_CUT_SHORT: &str = "Workflow Update failed because the Workflow completed before the Update completed.";
/// Temporal has no words of its own here: its callers hear of their deadline from themselves.
pub const UPDATE_TIMED_OUT: &str = "update timed out before a worker could process it";

// service/history/api: an execution that is named wrongly where the frontend does not look.
pub const LOAD_WITHOUT_WORKFLOW_ID: &str = "Can't load workflow execution.  WorkflowId not set.";
pub const LOAD_WITH_INVALID_RUN_ID: &str = "RunId is not valid UUID.";

// service/matching: a query that nobody waits for any more.
pub const QUERY_TASK_NOT_FOUND: &str = "query task not found, or already expired";

// service/history/api: a task that is no longer the one that was given out.
pub const WORKFLOW_TASK_NOT_FOUND: &str = "Workflow task not found.";

// common/rpc/interceptor/frontend_service_error.go: what stands for "this node cannot answer now" (UNAVAILABLE).
pub const SHARD_UNAVAILABLE: &str = "shard unavailable, please backoff and retry";
