package weft.conformance.harness;

/** A scenario under its name. */
public record Entry(String name, Needs needs, Body body) {
  /** What a scenario does. */
  @FunctionalInterface
  public interface Body {
    void play(Scenario scenario) throws Throwable;
  }
}
