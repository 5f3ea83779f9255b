/* model_builtin.c - the pack of weights that is part of the program: router/classify/model.bin. */
#include "router/classify/model_builtin.h"

__asm__(".section .rodata\n"
        ".global sl_model_pack\n"
        ".hidden sl_model_pack\n"
        ".balign 64\n"
        "sl_model_pack:\n"
        ".incbin \"router/classify/model.bin\"\n"
        ".global sl_model_pack_end\n"
        ".hidden sl_model_pack_end\n"
        "sl_model_pack_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const char sl_model_pack[] __attribute__((visibility("hidden")));
extern const char sl_model_pack_end[] __attribute__((visibility("hidden")));

sl_str sl_model_builtin(void)
{
    return (sl_str){sl_model_pack, (size_t)(sl_model_pack_end - sl_model_pack)};
}
