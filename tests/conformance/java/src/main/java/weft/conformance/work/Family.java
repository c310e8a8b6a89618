package weft.conformance.work;

import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.ChildWorkflowFailure;
import io.temporal.workflow.ChildWorkflowOptions;
import io.temporal.workflow.ChildWorkflowStub;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.UpdateMethod;
import io.temporal.workflow.UpdateValidatorMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.util.List;

/** Workflows that others talk to: by update, as children, by signals. */
public final class Family {
  private Family() {}

  /** Takes money through a slot that takes no debts; slow payments wait for a nod. */
  @WorkflowInterface
  public interface Till {
    @WorkflowMethod
    int open();

    @UpdateMethod
    int pay(int amount);

    @UpdateValidatorMethod(updateName = "pay")
    void noDebts(int amount);

    @UpdateMethod(name = "pay slowly")
    int paySlowly(int amount);

    @SignalMethod
    void nod();

    @SignalMethod
    void close();
  }

  public static final class TillCode implements Till {
    private int sum;
    private boolean nodded;
    private boolean closed;

    @Override
    public int open() {
      Workflow.await(() -> closed);
      Workflow.await(Workflow::isEveryHandlerFinished);
      return sum;
    }

    @Override
    public int pay(int amount) {
      sum += amount;
      return sum;
    }

    @Override
    public void noDebts(int amount) {
      if (amount < 0) {
        throw new IllegalArgumentException("no debts");
      }
    }

    @Override
    public int paySlowly(int amount) {
      Workflow.await(() -> nodded);
      return pay(amount);
    }

    @Override
    public void nod() {
      nodded = true;
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  /** Does as it is told. */
  @WorkflowInterface
  public interface Patient {
    @WorkflowMethod
    String live(String name);

    @SignalMethod
    void go(String how);
  }

  public static final class PatientCode implements Patient {
    private String told;

    @Override
    public String live(String name) {
      Workflow.await(() -> told != null);
      if (told.equals("fail")) {
        throw ApplicationFailure.newNonRetryableFailure("as told", "Told");
      }
      return name + " " + told;
    }

    @Override
    public void go(String how) {
      told = how;
    }
  }

  private static ChildWorkflowStub patient(ChildWorkflowOptions.Builder options) {
    return Workflow.newUntypedChildWorkflowStub("Patient", options.build());
  }

  /** Has one child, and tells how it ended. */
  @WorkflowInterface
  public interface Parent {
    @WorkflowMethod
    String raise(String kid);
  }

  public static final class ParentCode implements Parent {
    @Override
    public String raise(String kid) {
      try {
        return patient(ChildWorkflowOptions.newBuilder().setWorkflowId(kid)).execute(String.class, "kid");
      } catch (ChildWorkflowFailure failure) {
        if (failure.getCause() instanceof ApplicationFailure why) {
          return "failed: " + why.getOriginalMessage() + " " + why.getType();
        }
        throw failure;
      }
    }
  }

  /** Starts a child on another queue, and ends. */
  @WorkflowInterface
  public interface Leaver {
    @WorkflowMethod
    String leave(String kid, String queue);
  }

  public static final class LeaverCode implements Leaver {
    @Override
    public String leave(String kid, String queue) {
      ChildWorkflowStub child =
          patient(ChildWorkflowOptions.newBuilder().setWorkflowId(kid).setTaskQueue(queue));
      child.executeAsync(String.class, "kid");
      child.getExecution().get();
      return "left";
    }
  }

  /** Gives words to a collector. */
  @WorkflowInterface
  public interface Teller {
    @WorkflowMethod
    String tell(String whom, List<String> words);
  }

  public static final class TellerCode implements Teller {
    @Override
    public String tell(String whom, List<String> words) {
      for (String word : words) {
        Workflow.newUntypedExternalWorkflowStub(whom).signal("give", word);
      }
      return "told";
    }
  }
}
