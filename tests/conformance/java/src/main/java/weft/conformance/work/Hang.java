package weft.conformance.work;

import java.util.concurrent.locks.LockSupport;

/** Where a worker process that is to be killed does not come back from. */
public enum Hang {
  NOWHERE,
  ACTIVITY,
  LOCAL_ACTIVITY,
  WORKFLOW;

  private static volatile Hang here = NOWHERE;

  /** Says it of this process, once, before its worker starts. */
  public static void in(Hang where) {
    here = where;
  }

  /** Whether this process is to stay where it is now. */
  static boolean is(Hang where) {
    return here == where;
  }

  /** Never comes back. */
  static void forever() {
    while (true) {
      LockSupport.park();
    }
  }
}
