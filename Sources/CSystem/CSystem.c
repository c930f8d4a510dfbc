#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/prctl.h>
#endif
#include "CSystem.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

long long csystem_stored_bytes(int descriptor, long long size) {
#if defined(SEEK_DATA) && defined(SEEK_HOLE)
  long long stored = 0;
  off_t position = 0;
  /* A file in more pieces than this is not one that a few bytes made large. */
  for (int piece = 0; piece < 1 << 16; piece++) {
    off_t data = lseek(descriptor, position, SEEK_DATA);
    if (data < 0) return errno == ENXIO ? stored : size;
    off_t hole = lseek(descriptor, data, SEEK_HOLE);
    if (hole <= data) return size;
    stored += hole - data;
    position = hole;
  }
#else
  (void)descriptor;
#endif
  return size;
}

#if defined(__linux__)
int csystem_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0; }
#else
int csystem_adopt_orphans(void) { return 0; }
#endif

#if defined(__GLIBC__)
void csystem_keep_freed_memory(void) {
  /* The greatest that every version accepts: half of what a thread's own heap may grow to. */
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
}
#else
void csystem_keep_freed_memory(void) {}
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CSYSTEM_HAS_SHADOW_MEMORY 1
#endif
#endif
#if defined(CSYSTEM_HAS_SHADOW_MEMORY)
int csystem_has_shadow_memory(void) { return 1; }
#else
int csystem_has_shadow_memory(void) { return 0; }
#endif
