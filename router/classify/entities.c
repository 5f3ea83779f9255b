#include "router/classify/entities.h"

const sl_entity_info sl_entities[SL_ENT_N] = {
#define X(name, level, strength, validator, help) \
    {#name, SL_LEVEL_##level, SL_##strength, validator, help},
#include "router/classify/entities_contact.def"
#include "router/classify/entities_ids.def"
#include "router/classify/entities_secrets.def"
    SL_ENTITIES_BASE(X)
#undef X
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
