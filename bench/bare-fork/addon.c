/*
 * Measures the duration of fork(2) alone in this process, the reference for bench/fork.ts.
 *
 * Declares the functions of Node-API itself, because an installed Node may lack the headers. Node exports these
 * functions, and they are part of its stable ABI.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
extern int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
extern int napi_create_double(napi_env, double, napi_value *);
extern int napi_set_named_property(napi_env, napi_value, const char *, napi_value);
extern int napi_throw_error(napi_env, const char *code, const char *message);

/* Default of vm.max_map_count. */
enum { MOST_MAPPINGS = 65530 };

static struct {
  void *start;
  size_t length;
} marked[MOST_MAPPINGS];
static size_t marked_count;

static napi_value failed(napi_env env, const char *what) {
  char message[128];
  snprintf(message, sizeof message, "%s: %s", what, strerror(errno));
  napi_throw_error(env, NULL, message);
  return NULL;
}

static napi_value number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

/* Finds the mappings that a fork would leave out (VmFlags dc), and returns their number. */
static napi_value look(napi_env env, napi_callback_info info) {
  (void)info;
  FILE *smaps = fopen("/proc/self/smaps", "re");
  if (!smaps) return failed(env, "/proc/self/smaps");
  marked_count = 0;
  unsigned long start = 0, end = 0;
  char line[4096];
  while (fgets(line, sizeof line, smaps)) {
    unsigned long from, to;
    char permissions[5];
    if (sscanf(line, "%lx-%lx %4s", &from, &to, permissions) == 3) {
      start = from;
      end = to;
    } else if (!strncmp(line, "VmFlags:", 8) && strstr(line, " dc") && marked_count < MOST_MAPPINGS) {
      marked[marked_count].start = (void *)start;
      marked[marked_count++].length = end - start;
    }
  }
  fclose(smaps);
  return number(env, (double)marked_count);
}

static napi_value advise(napi_env env, int advice) {
  for (size_t i = 0; i < marked_count; i++)
    if (madvise(marked[i].start, marked[i].length, advice)) return failed(env, "madvise");
  return NULL;
}

/* Lets a fork copy every mapping. The mappings must not have changed since look(). */
static napi_value hand_down(napi_env env, napi_callback_info info) {
  (void)info;
  return advise(env, MADV_DOFORK);
}

/* Reverts hand_down(). */
static napi_value take_back(napi_env env, napi_callback_info info) {
  (void)info;
  return advise(env, MADV_DONTFORK);
}

/* Duration of fork(2) in the parent, in milliseconds. The child has ended when this returns. */
static napi_value bare_fork(napi_env env, napi_callback_info info) {
  (void)info;
  struct timespec begun, done;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  pid_t child = fork();
  if (child == 0) _exit(0);
  clock_gettime(CLOCK_MONOTONIC, &done);
  if (child < 0) return failed(env, "fork");
  while (waitpid(child, NULL, 0) < 0)
    if (errno != EINTR) return failed(env, "waitpid");
  return number(env, (double)(done.tv_sec - begun.tv_sec) * 1e3 + (double)(done.tv_nsec - begun.tv_nsec) / 1e6);
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  static const struct {
    const char *name;
    napi_callback call;
  } functions[] = {{"look", look}, {"handDown", hand_down}, {"takeBack", take_back}, {"bareFork", bare_fork}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function = NULL;
    if (napi_create_function(env, functions[i].name, (size_t)-1, functions[i].call, NULL, &function)) return NULL;
    if (napi_set_named_property(env, exports, functions[i].name, function)) return NULL;
  }
  return exports;
}
