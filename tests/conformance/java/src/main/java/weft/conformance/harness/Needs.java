package weft.conformance.harness;

/** What a scenario needs of its surroundings. */
public enum Needs {
  /** Enough for most. */
  SHARED_SERVER,
  /** One to kill. */
  OWN_SERVER,
  /** The shared server when all others have ended. */
  QUIET
}
