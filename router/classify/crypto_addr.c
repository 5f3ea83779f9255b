/* crypto_addr.c - addresses of wallets: Base58Check of Bitcoin and its kin, Tron and Ripple,
 * Bech32, hexadecimal addresses of Ethereum; Solana, Monero and Cardano by length and alphabet.
 * Sources: Bitcoin's Base58Check, BIP-173 and BIP-350. */
#include "common/crypto/digest.h"
#include "router/classify/idrules.h"

static const char bitcoin[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char ripple[] = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

/* 25 bytes: version, 20 of a hash, 4 of SHA-256 twice. */
static bool base58check(const char *p, size_t n, const char *alphabet)
{
    uint8_t bytes[25] = {0};
    for (size_t i = 0; i < n; i++) {
        const char *at = memchr(alphabet, p[i], 58);
        if (!at)
            return false;
        unsigned carry = (unsigned)(at - alphabet);
        for (int b = 24; b >= 0; b--) {
            carry += bytes[b] * 58u;
            bytes[b] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry)
            return false;
    }
    uint8_t sum[SL_SHA256_SIZE];
    sl_sha256(sum, bytes, 21);
    sl_sha256(sum, sum, sizeof sum);
    return memcmp(sum, bytes + 21, 4) == 0;
}

static uint32_t polymod(uint32_t c, unsigned value)
{
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
    uint32_t top = c >> 25;
    c = (c & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        c ^= top >> i & 1 ? generator[i] : 0;
    return c;
}

static char lower(char ch)
{
    return ch >= 'A' && ch <= 'Z' ? (char)(ch | 32) : ch;
}

/* hrp: the readable part before the 1. */
static bool bech32(const char *p, size_t n, size_t hrp)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    uint32_t c = 1;
    for (size_t i = 0; i < hrp; i++)
        c = polymod(c, (unsigned char)lower(p[i]) >> 5);
    c = polymod(c, 0);
    for (size_t i = 0; i < hrp; i++)
        c = polymod(c, (unsigned char)lower(p[i]) & 31);
    for (size_t i = hrp + 1; i < n; i++) {
        const char *at = memchr(alphabet, lower(p[i]), 32);
        if (!at)
            return false;
        c = polymod(c, (unsigned)(at - alphabet));
    }
    return c == 1 || c == 0x2bc830a3;
}

static bool all_of(const char *p, size_t n, const char *alphabet, size_t letters)
{
    for (size_t i = 0; i < n; i++) {
        if (!memchr(alphabet, p[i], letters))
            return false;
    }
    return true;
}

bool sl_crypto_address(const char *p, size_t n, bool context)
{
    static const char *const hrps[] = {"bc", "tb", "ltc", "addr", "cosmos", "bnb", "osmo", "stake"};
    if (n == 42 && p[0] == '0' && (p[1] | 32) == 'x')
        return context || all_of(p + 2, 40, "0123456789abcdefABCDEF", 22);
    if (n < 25)
        return false;
    for (size_t i = 0; i < sizeof hrps / sizeof *hrps; i++) {
        size_t l = strlen(hrps[i]);
        bool begins = n > l + 7 && p[l] == '1';
        for (size_t x = 0; begins && x < l; x++)
            begins = lower(p[x]) == hrps[i][x];
        if (begins && (bech32(p, n, l) || context))
            return true;
    }
    if (n > 35) {
        if (n == 95 && (p[0] == '4' || p[0] == '8')) /* Monero */
            return all_of(p, n, bitcoin, 58);
        return context && n <= 44 && all_of(p, n, bitcoin, 58); /* Solana */
    }
    if (memchr("13LMDTX9A", p[0], 9) && base58check(p, n, bitcoin))
        return true;
    if (p[0] == 'r' && base58check(p, n, ripple))
        return true;
    return context && all_of(p, n, bitcoin, 58) && memchr("13LMDTXr", p[0], 8);
}
