package weft.conformance.harness;

import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.common.v1.WorkflowType;
import io.temporal.api.enums.v1.QueryRejectCondition;
import io.temporal.api.taskqueue.v1.TaskQueue;
import io.temporal.api.workflowservice.v1.StartWorkflowExecutionRequest;
import io.temporal.api.workflowservice.v1.TerminateWorkflowExecutionRequest;
import io.temporal.api.workflowservice.v1.WorkflowServiceGrpc;
import io.temporal.api.workflowservice.v1.WorkflowServiceGrpc.WorkflowServiceBlockingStub;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.schedules.ScheduleClient;
import io.temporal.client.schedules.ScheduleClientOptions;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** A connection of its own, with the SDK's clients on it. */
public final class Connection implements AutoCloseable {
  static final String IDENTITY = "conformance-java";
  private static final int PROBE_SECONDS = 4;

  private final WorkflowServiceStubs stubs;
  private final String namespace;
  private final WorkflowClient workflows;

  private Connection(WorkflowServiceStubs stubs, String namespace) {
    this.stubs = stubs;
    this.namespace = namespace;
    this.workflows = WorkflowClient.newInstance(stubs, options().build());
  }

  /** Connects with the first call. */
  public static Connection to(String address, String namespace) {
    WorkflowServiceStubsOptions options = WorkflowServiceStubsOptions.newBuilder().setTarget(address).build();
    return new Connection(WorkflowServiceStubs.newServiceStubs(options), namespace);
  }

  /** Most of what the SDK can do. */
  public WorkflowClient workflows() {
    return workflows;
  }

  /** The same, whose queries are rejected on this condition. */
  public WorkflowClient rejecting(QueryRejectCondition condition) {
    return WorkflowClient.newInstance(stubs, options().setQueryRejectCondition(condition).build());
  }

  /** The SDK's client for schedules. */
  public ScheduleClient schedules() {
    ScheduleClientOptions options =
        ScheduleClientOptions.newBuilder().setNamespace(namespace).setIdentity(IDENTITY).build();
    return ScheduleClient.newInstance(stubs, options);
  }

  @Override
  public void close() {
    stubs.shutdownNow();
    stubs.awaitTermination(1, TimeUnit.SECONDS);
  }

  private WorkflowClientOptions.Builder options() {
    return WorkflowClientOptions.newBuilder().setNamespace(namespace).setIdentity(IDENTITY);
  }

  /** A channel without an SDK. */
  static ManagedChannel dial(String address) {
    return ManagedChannelBuilder.forTarget(address).usePlaintext().build();
  }

  /** The public API on it, in the name of a tool, whom servers show no workflow task that is not yet written. */
  static WorkflowServiceBlockingStub raw(ManagedChannel channel) {
    Metadata headers = new Metadata();
    headers.put(Metadata.Key.of("client-name", Metadata.ASCII_STRING_MARSHALLER), "temporal-cli");
    return WorkflowServiceGrpc.newBlockingStub(channel)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  /** Whether a server answers there, whole. */
  static boolean probe(String address) {
    ManagedChannel channel = dial(address);
    try {
      WorkflowServiceBlockingStub stub = raw(channel).withDeadlineAfter(PROBE_SECONDS, TimeUnit.SECONDS);
      String id = "probe-" + UUID.randomUUID();
      stub.startWorkflowExecution(
          StartWorkflowExecutionRequest.newBuilder()
              .setNamespace("default")
              .setWorkflowId(id)
              .setRequestId(id)
              .setWorkflowType(WorkflowType.newBuilder().setName("Probe"))
              .setTaskQueue(TaskQueue.newBuilder().setName("probe"))
              .build());
      stub.terminateWorkflowExecution(
          TerminateWorkflowExecutionRequest.newBuilder()
              .setNamespace("default")
              .setWorkflowExecution(WorkflowExecution.newBuilder().setWorkflowId(id))
              .build());
      return true;
    } catch (StatusRuntimeException notYet) {
      return false;
    } finally {
      channel.shutdownNow();
    }
  }
}
