/*
 * What the simulation of a cluster puts before the C library's: entropy that is the same in each process, and a clock
 * that stands still on the thread that plays a seed. All that nodes read goes by the simulation's own clock and dice;
 * this is for what libraries read by themselves: the keys of hash maps, which branch of a select! is tried first, the
 * date in a header, how long ago a stream was reset.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define THREAD "seed"

ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
  static __thread uint64_t state;
  unsigned char *bytes = buffer;
  (void)flags;
  for (size_t at = 0; at < length; at++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes[at] = (unsigned char)(state >> 56);
  }
  return (ssize_t)length;
}

static int stands_still(void) {
  static __thread int known;
  char name[16] = {0};
  if (!known && prctl(PR_GET_NAME, name) == 0) {
    known = strcmp(name, THREAD) == 0;
  }
  return known;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (stands_still()) {
    time->tv_sec = 1700000000;
    time->tv_nsec = 0;
    return 0;
  }
  return (int)syscall(SYS_clock_gettime, clock, time);
}
