#pragma once

/* What Swift cannot import from the HDF5 headers: macros that are not plain constants, and the two structs
   whose shape depends on the library's version. Everything else is called by its numbered name. */

#if !__has_include(<hdf5.h>)
#error "HDF5 headers not found. Debian, Ubuntu: sudo apt-get install libhdf5-dev pkg-config. macOS: brew install hdf5 pkgconf"
#else
#include <hdf5.h>
#include <string.h>

static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_create_exclusively(void) { return H5F_ACC_EXCL; }

static inline hid_t chdf5_default(void) { return H5P_DEFAULT; }
static inline hid_t chdf5_whole_dataspace(void) { return H5S_ALL; }

static inline hid_t chdf5_file_creation(void) { return H5P_FILE_CREATE; }
static inline hid_t chdf5_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t chdf5_group_creation(void) { return H5P_GROUP_CREATE; }
static inline hid_t chdf5_dataset_creation(void) { return H5P_DATASET_CREATE; }
static inline hid_t chdf5_dataset_transfer(void) { return H5P_DATASET_XFER; }

static inline hid_t chdf5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t chdf5_float64(void) { return H5T_IEEE_F64LE; }
static inline hid_t chdf5_int32(void) { return H5T_STD_I32LE; }
static inline hid_t chdf5_int64(void) { return H5T_STD_I64LE; }
static inline hid_t chdf5_uint8(void) { return H5T_STD_U8LE; }
static inline hid_t chdf5_uint16(void) { return H5T_STD_U16LE; }
static inline hid_t chdf5_string(void) { return H5T_C_S1; }
static inline size_t chdf5_variable_length(void) { return H5T_VARIABLE; }

/* Whether `name` in the group `location` is a hard link, the only kind that stays inside the file;
   negative on failure. H5Lget_info is a macro over differing structs. */
static inline int chdf5_is_hard_link(hid_t location, const char *name) {
  H5L_info_t info;
  if (H5Lget_info(location, name, &info, H5P_DEFAULT) < 0) return -1;
  return info.type == H5L_TYPE_HARD;
}

/* What tells one object of a file from another: its address, or in later versions its token. */
typedef struct {
  uint64_t words[2];
} chdf5_object;

/* Calls `visit` with the name of every link in the group `location`, and what a hard link leads to, in the order of
   storage: the sorted orders of 1.10 build a table that a damaged group makes them free before it is filled. Ends when
   `visit` gives something else than 0, and gives that. H5Literate is a macro over differing structs. */
typedef struct {
  herr_t (*visit)(const char *name, chdf5_object object, void *context);
  void *context;
} chdf5_visitor;

static inline herr_t chdf5_visit_link(hid_t group, const char *name, const H5L_info_t *info, void *visitor) {
  (void)group;
  chdf5_object object = {{0, 0}};
  _Static_assert(sizeof info->u <= sizeof object, "a token has at most 16 bytes");
  if (info->type == H5L_TYPE_HARD) memcpy(&object, &info->u, sizeof info->u);
  return ((chdf5_visitor *)visitor)->visit(name, object, ((chdf5_visitor *)visitor)->context);
}

static inline herr_t chdf5_visit_links(
  hid_t location, herr_t (*visit)(const char *, chdf5_object, void *), void *context) {
  chdf5_visitor visitor = {visit, context};
  hsize_t position = 0;
  return H5Literate(location, H5_INDEX_NAME, H5_ITER_NATIVE, &position, chdf5_visit_link, &visitor);
}

/* Frees the strings that reading a variable-length type allocated into `buffer`. */
static inline herr_t chdf5_reclaim(hid_t type, hid_t space, void *buffer) {
  return H5Dvlen_reclaim(type, space, H5P_DEFAULT, buffer);
}
#endif
