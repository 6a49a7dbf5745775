/* The settings that jemalloc reads when it starts. _RJEM_MALLOC_CONF in the environment overrides them. They are in C because
 * Rust needs unsafe code for a symbol that jemalloc finds by its name.
 *
 * background_thread: jemalloc returns free memory within about ten seconds, also when the server is idle and calls no
 *   allocator. One thread is enough. Only Linux: elsewhere jemalloc does not start with this setting.
 * tcache: without it, no thread keeps memory for itself. That is 30 kB for each thread, and with `--runtime blocking` each call
 *   has a thread. A frame allocates nothing, so the cache has no use.
 * retain: without it, jemalloc also returns address space, which `ulimit -v` limits.
 */
#ifdef __linux__
#define BACKGROUND_THREAD "background_thread:true,max_background_threads:1,"
#else
#define BACKGROUND_THREAD
#endif

const char *_rjem_malloc_conf = BACKGROUND_THREAD "tcache:false,retain:false";
