/* What the parts of the kernel have in common. No C library: freestanding WebAssembly. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>
#include <wasm_simd128.h>

#define INLINE static inline __attribute__((always_inline))
#define EXPORT(name) __attribute__((export_name(#name)))

#endif
