#pragma once

/* The few calls of the system that Swift cannot make: of a variable number of arguments, or with constants that it
   does not import. */

/* Bytes of an open file of `size` bytes outside its holes; `size` where the file system does not say. */
long long csystem_stored_bytes(int descriptor, long long size);

/* Makes processes that outlive their parents children of this one, where the system can (Linux); whether it can. */
int csystem_adopt_orphans(void);

/* Lets the allocator keep what is freed for what is allocated next, where it gives large pieces back at once (glibc):
   their pages would be cleared anew each time. */
void csystem_keep_freed_memory(void);

/* Whether this build runs under a sanitizer whose shadow memory takes terabytes of addresses: no limit of them can hold. */
int csystem_has_shadow_memory(void);
