/* half.h - IEEE 754 binary16 to binary32, exact, without the processor's help. */
#ifndef SL_ENGINE_CPU_HALF_H
#define SL_ENGINE_CPU_HALF_H

#include <stdint.h>
#include <string.h>

static inline float half_bits_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = (h >> 10) & 31, man = h & 0x3FF, u;
    if (exp == 31) {
        u = sign | 0x7F800000u | man << 13;
    } else if (exp) {
        u = sign | (exp + 112) << 23 | man << 13;
    } else { /* zero or subnormal: man * 2^-24 */
        float f = (float)man * 0x1p-24f;
        memcpy(&u, &f, 4);
        u |= sign;
    }
    float f;
    memcpy(&f, &u, 4);
    return f;
}

#endif
