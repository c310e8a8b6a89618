/* Loaded into a node before everything else: makes its syncs slow and its wall clock wrong, as a small file says that
 * whoever breaks things keeps mapped into it. Monotonic time stays right, as it does when a clock is set.
 *
 * The file: a delay of each fsync and fdatasync, then an offset of CLOCK_REALTIME, both in nanoseconds, 64 bits each.
 * Without WEFT_CHAOS_CONTROL, and where the file cannot be mapped, nothing is changed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <dlfcn.h>

struct control {
    _Atomic int64_t sync_delay;
    _Atomic int64_t clock_offset;
};

static const int64_t SECOND = 1000000000;
static struct control *control;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("WEFT_CHAOS_CONTROL");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED) control = mapped;
}

static void delay(void) {
    int64_t nanos = control ? control->sync_delay : 0;
    struct timespec left = {nanos / SECOND, nanos % SECOND};
    while (nanos > 0 && nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

int fsync(int fd) {
    delay();
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    delay();
    return (int)syscall(SYS_fdatasync, fd);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = real_clock_gettime ? real_clock_gettime(clock, time) : (int)syscall(SYS_clock_gettime, clock, time);
    int64_t offset = control ? control->clock_offset : 0;
    if (failed == 0 && clock == CLOCK_REALTIME && offset != 0) {
        int64_t nanos = time->tv_nsec + offset % SECOND;
        int64_t carry = nanos < 0 ? -1 : nanos >= SECOND ? 1 : 0;
        time->tv_sec += offset / SECOND + carry;
        time->tv_nsec = nanos - carry * SECOND;
    }
    return failed;
}
