/* What jemalloc reads when it starts; _RJEM_MALLOC_CONF in the environment comes after it. A text that C code
 * looks for by its name is unsafe to have in Rust, and is not in C.
 *
 * background_thread: what is free is given back within some ten seconds also by a server that has nothing to do,
 *   and so asks for nothing. One thread is enough. Elsewhere than on Linux jemalloc may have none, and does not start
 *   if it is asked for one.
 * tcache: no memory kept by each thread for itself, which is 30 kB, of which `--runtime blocking` would have as
 *   many as calls. A frame takes no memory, so that there is nothing to gain by it.
 * retain: address space is given back too, and taken as it is needed; it is what `ulimit -v` bounds.
 */
#ifdef __linux__
#define BACKGROUND_THREAD "background_thread:true,max_background_threads:1,"
#else
#define BACKGROUND_THREAD
#endif

const char *_rjem_malloc_conf = BACKGROUND_THREAD "tcache:false,retain:false";
