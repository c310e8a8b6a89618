package weft.conformance.work;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** What a scenario has in common with the activities of one of its workers. */
public final class Signs {
  private final AtomicInteger began = new AtomicInteger();
  private final CountDownLatch released = new CountDownLatch(1);
  private volatile byte[] token;

  /** How many activities that wait have begun. */
  public int began() {
    return began.get();
  }

  /** Lets all go on that wait, now or later. */
  public void release() {
    released.countDown();
  }

  /** The token of the latest activity that is to be completed from elsewhere; null while there is none. */
  public byte[] token() {
    return token;
  }

  void begin() {
    began.incrementAndGet();
  }

  void keep(byte[] of) {
    token = of;
  }

  CountDownLatch released() {
    return released;
  }
}
