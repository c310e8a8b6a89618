package weft.conformance.harness;

/** What a server did is not what the scenario says. */
public final class Failed extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public Failed(String message) {
    super(message);
  }
}
