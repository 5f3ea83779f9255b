/* murmur2.h - the hash by which Java's Kafka clients choose a partition for a key.
 *
 * partition = (sl_murmur2(key) & 0x7fffffff) % partitions. Seed and constants are those of
 * org.apache.kafka.common.utils.Utils.murmur2; librdkafka's partitioner "murmur2_random" agrees. */
#ifndef SL_BUS_MURMUR2_H
#define SL_BUS_MURMUR2_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t sl_murmur2(const void *key, size_t n)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *p = key;
    uint32_t h = 0x9747b28c ^ (uint32_t)n;
    for (; n >= 4; n -= 4, p += 4) {
        uint32_t k = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        k *= m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    if (n >= 3)
        h ^= (uint32_t)p[2] << 16;
    if (n >= 2)
        h ^= (uint32_t)p[1] << 8;
    if (n >= 1)
        h = (h ^ p[0]) * m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

#endif
