#include "router/classify/entities.h"

const sl_entity_info sl_entities[SL_ENT_N] = {
#define SL_X(name, level, strength, help) {#name, SL_LEVEL_##level, SL_##strength, help},
    SL_ENTITIES(SL_X)
#undef SL_X
};

bool sl_entity_parse(sl_str name, sl_entity *ret)
{
    for (int i = 0; i < SL_ENT_N; i++) {
        if (sl_str_is(name, sl_entities[i].name)) {
            *ret = (sl_entity)i;
            return true;
        }
    }
    return false;
}
