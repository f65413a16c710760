#include "card.h"

#include <string.h>
#include <unistd.h>

static const uint8_t piv_application[] = {0xA0, 0, 0, 0x03, 0x08};
static const uint8_t piv_template[] = {0x61, 0x11, 0x4F, 6, 0, 0, 0x10, 0, 1, 0, 0x79, 7, 0x4F, 5, 0xA0, 0, 0, 3, 8};
static const uint8_t discovery[] = {0x7E, 0x12, 0x4F, 0x0B, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0, 0x5F, 0x2F, 2, 0x40, 0};

void card_reset_session(struct card *card) {
    card->pin_verified = card->pin_fresh = card->managed = card->has_witness = card->has_challenge = false;
}

static enum status do_select(struct card *card, const struct command *c, struct buffer *out) {
    size_t len = sizeof piv_application;
    if (c->p1 != 4 || c->data.len < len || memcmp(c->data.at, piv_application, len) != 0)
        return SW_NOT_FOUND;
    card_reset_session(card);
    buffer_add(out, piv_template, sizeof piv_template);
    return SW_OK;
}

static enum status do_version(struct card *card, const struct command *c, struct buffer *out) {
    (void)c;
    buffer_add(out, card->version, sizeof card->version);
    return SW_OK;
}

static enum status do_serial(struct card *card, const struct command *c, struct buffer *out) {
    (void)c;
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_add_byte(out, (uint8_t)(card->serial >> shift));
    return SW_OK;
}

/* ---- PIN, PUK ---- */

static struct reference *reference_of(struct card *card, uint8_t number) {
    return number == 0x80 ? &card->pin : number == 0x81 ? &card->puk : NULL;
}

/* SP 800-73-4 part 2, 3.2.1: the counter goes down before the value is looked at. */
static enum status try_reference(struct card *card, struct reference *reference, const uint8_t *value) {
    if (reference->left == 0)
        return SW_BLOCKED;
    bool good = memcmp(reference->value, value, sizeof reference->value) == 0;
    reference->left = good ? reference->total : (uint8_t)(reference->left - 1);
    card_save(card);
    return good ? SW_OK : (enum status)(SW_TRIES | reference->left);
}

static enum status do_verify(struct card *card, const struct command *c, struct buffer *out) {
    (void)out;
    if (c->p2 != 0x80)
        return SW_NO_REFERENCE;
    if (c->p1 == 0xFF) {
        card->pin_verified = card->pin_fresh = false;
        return SW_OK;
    }
    if (c->data.len == 0)
        return card->pin_verified    ? SW_OK
               : card->pin.left == 0 ? SW_BLOCKED
                                     : (enum status)(SW_TRIES | card->pin.left);
    if (c->data.len != sizeof card->pin.value)
        return SW_LENGTH;
    enum status status = try_reference(card, &card->pin, c->data.at);
    card->pin_verified = card->pin_fresh = status == SW_OK;
    return status;
}

static enum status do_change_reference(struct card *card, const struct command *c, struct buffer *out) {
    struct reference *reference = reference_of(card, c->p2);
    (void)out;
    if (reference == NULL)
        return SW_NO_REFERENCE;
    if (c->data.len != 16)
        return SW_LENGTH;
    enum status status = try_reference(card, reference, c->data.at);
    if (status != SW_OK)
        return status;
    memcpy(reference->value, c->data.at + 8, sizeof reference->value);
    card_save(card);
    return SW_OK;
}

/* The PUK sets a new PIN. */
static enum status do_reset_retry(struct card *card, const struct command *c, struct buffer *out) {
    (void)out;
    if (c->p2 != 0x80)
        return SW_NO_REFERENCE;
    if (c->data.len != 16)
        return SW_LENGTH;
    enum status status = try_reference(card, &card->puk, c->data.at);
    if (status != SW_OK)
        return status;
    memcpy(card->pin.value, c->data.at + 8, sizeof card->pin.value);
    card->pin.left = card->pin.total;
    card_save(card);
    return SW_OK;
}

static enum status do_set_retries(struct card *card, const struct command *c, struct buffer *out) {
    static const uint8_t pin[] = {'1', '2', '3', '4', '5', '6', 0xFF, 0xFF};
    (void)out;
    if (!card->managed || !card->pin_verified)
        return SW_SECURITY;
    if (c->p1 == 0 || c->p2 == 0)
        return SW_PARAMETERS;
    card->pin = (struct reference){.left = c->p1, .total = c->p1};
    card->puk = (struct reference){.left = c->p2, .total = c->p2};
    memcpy(card->pin.value, pin, sizeof pin);
    memcpy(card->puk.value, "12345678", sizeof card->puk.value);
    card_save(card);
    return SW_OK;
}

static enum status do_reset(struct card *card, const struct command *c, struct buffer *out) {
    (void)c;
    (void)out;
    if (card->pin.left > 0 || card->puk.left > 0)
        return SW_CONDITIONS;
    card_factory(card);
    card_save(card);
    return SW_OK;
}

/* ---- objects ---- */

static bool read_tag(struct view at, unsigned *ret_tag) {
    *ret_tag = 0;
    for (size_t i = 0; i < at.len; i++)
        *ret_tag = *ret_tag << 8 | at.at[i];
    return at.len >= 1 && at.len <= 3;
}

/* Printed information, fingerprints, facial and iris images: SP 800-73-4 part 1, table 2. */
static bool wants_pin(unsigned tag) {
    return tag == 0x5FC109 || tag == 0x5FC103 || tag == 0x5FC108 || tag == 0x5FC121;
}

static enum status do_get_data(struct card *card, const struct command *c, struct buffer *out) {
    struct view at;
    unsigned tag;
    if (c->p1 != 0x3F || c->p2 != 0xFF)
        return SW_PARAMETERS;
    if (!tlv_find(c->data, 0x5C, &at) || !read_tag(at, &tag))
        return SW_DATA;
    if (tag == 0x7E) {
        buffer_add(out, discovery, sizeof discovery);
        return SW_OK;
    }
    if (wants_pin(tag) && !card->pin_verified)
        return SW_SECURITY;
    const struct object *object = card_object(card, tag);
    if (object == NULL)
        return SW_NOT_FOUND;
    buffer_add(out, object->at, object->len);
    return SW_OK;
}

static enum status do_put_data(struct card *card, const struct command *c, struct buffer *out) {
    struct view rest = c->data, at, value;
    unsigned tag, name;
    (void)out;
    if (!card->managed)
        return SW_SECURITY;
    if (c->p1 != 0x3F || c->p2 != 0xFF)
        return SW_PARAMETERS;
    if (!tlv_next(&rest, &tag, &at) || tag != 0x5C || !read_tag(at, &name))
        return SW_DATA;
    struct view whole = rest;
    if (!tlv_next(&rest, &tag, &value) || tag != 0x53 || rest.len > 0)
        return SW_DATA;
    if (!card_put_object(card, name, value.len == 0 ? value : whole))
        return SW_FULL;
    card_save(card);
    return SW_OK;
}

/* ---- keys ---- */

static uint8_t policy(struct view parts, unsigned tag, uint8_t usual) {
    struct view value;
    return tlv_find(parts, tag, &value) && value.len == 1 && value.at[0] != 0 ? value.at[0] : usual;
}

static void fill_slot(struct card *card, struct slot *slot, uint8_t algorithm, struct view parts) {
    uint8_t pin = slot->reference == 0x9C ? PIN_ALWAYS : slot->reference == 0x9E ? PIN_NEVER : PIN_ONCE;
    slot->algorithm = algorithm;
    slot->pin_policy = policy(parts, 0xAA, pin);
    slot->touch_policy = policy(parts, 0xAB, TOUCH_NEVER);
    card_save(card);
}

static enum status do_generate(struct card *card, const struct command *c, struct buffer *out) {
    struct slot *slot = card_slot(card, c->p2);
    struct view control, algorithm;
    struct buffer inner = buffer_on(out->arena);
    if (!card->managed)
        return SW_SECURITY;
    if (slot == NULL)
        return SW_PARAMETERS;
    if (!tlv_find(c->data, 0xAC, &control) || !tlv_find(control, 0x80, &algorithm) || algorithm.len != 1 ||
        !algorithm_known(card, algorithm.at[0]))
        return SW_DATA;
    EVP_PKEY_free(slot->pkey);
    slot->pkey = key_generate(algorithm.at[0]);
    if (slot->pkey == NULL || !key_put_public(slot->pkey, &inner))
        return SW_INTERNAL;
    slot->origin = ORIGIN_GENERATED;
    fill_slot(card, slot, algorithm.at[0], control);
    tlv_put(out, 0x7F49, buffer_view(&inner));
    return SW_OK;
}

static enum status do_import(struct card *card, const struct command *c, struct buffer *out) {
    struct slot *slot = card_slot(card, c->p2);
    (void)out;
    if (!card->managed)
        return SW_SECURITY;
    if (slot == NULL || !algorithm_known(card, c->p1))
        return SW_PARAMETERS;
    EVP_PKEY *pkey = key_import(c->p1, c->data);
    if (pkey == NULL)
        return SW_DATA;
    EVP_PKEY_free(slot->pkey);
    slot->pkey = pkey;
    slot->origin = ORIGIN_IMPORTED;
    fill_slot(card, slot, c->p1, c->data);
    return SW_OK;
}

static enum status may_use(struct card *card, const struct slot *slot) {
    bool fresh = card->pin_fresh;
    card->pin_fresh = false; /* "always": each use takes a PIN of its own */
    if ((slot->pin_policy == PIN_ONCE && !card->pin_verified) || (slot->pin_policy == PIN_ALWAYS && !fresh))
        return SW_SECURITY;
    if (slot->touch_policy == TOUCH_NEVER || card->touched)
        return SW_OK;
    usleep(300 * 1000); /* it blinks, and nobody comes */
    return SW_SECURITY;
}

static enum status do_authenticate(struct card *card, const struct command *c, struct buffer *out) {
    struct view parts, in, none;
    if (!tlv_find(c->data, 0x7C, &parts))
        return SW_DATA;
    if (c->p2 == 0x9B)
        return management_authenticate(card, c->p1, parts, out);
    const struct slot *slot = card_slot(card, c->p2);
    if (slot == NULL || slot->pkey == NULL)
        return SW_NO_REFERENCE;
    if (slot->algorithm != c->p1)
        return SW_PARAMETERS;
    enum status status = may_use(card, slot);
    if (status != SW_OK)
        return status;
    if (!tlv_find(parts, 0x82, &none))
        return SW_DATA;
    struct buffer result = buffer_on(out->arena), inner = buffer_on(out->arena);
    status = tlv_find(parts, 0x81, &in)   ? key_private(slot, in, &result)
             : tlv_find(parts, 0x85, &in) ? key_exchange(slot, in, &result)
                                          : SW_DATA;
    if (status != SW_OK)
        return status;
    tlv_put(&inner, 0x82, buffer_view(&result));
    tlv_put(out, 0x7C, buffer_view(&inner));
    card->signatures++;
    return SW_OK;
}

static enum status do_attest(struct card *card, const struct command *c, struct buffer *out) {
    const struct slot *slot = card_slot(card, c->p1);
    return slot == NULL || c->p2 != 0 ? SW_PARAMETERS : attest(card, slot, out);
}

/* Firmware 5.7: P2 to P1; P1 0xff deletes. */
static enum status do_move(struct card *card, const struct command *c, struct buffer *out) {
    struct slot *from = card_slot(card, c->p2), *to = card_slot(card, c->p1);
    (void)out;
    if (!card->managed)
        return SW_SECURITY;
    if (card->version[1] < 7)
        return SW_INSTRUCTION;
    if (from == NULL || (c->p1 != 0xFF && (to == NULL || to->pkey != NULL)))
        return SW_PARAMETERS;
    if (from->pkey == NULL)
        return SW_NO_REFERENCE;
    if (to == NULL) {
        EVP_PKEY_free(from->pkey);
    } else {
        *to = *from;
        to->reference = c->p1;
    }
    *from = (struct slot){.reference = c->p2};
    card_save(card);
    return SW_OK;
}

/* ---- management key and metadata ---- */

static enum status do_set_management(struct card *card, const struct command *c, struct buffer *out) {
    (void)out;
    if (!card->managed)
        return SW_SECURITY;
    if (c->p1 != 0xFF || (c->p2 != 0xFF && c->p2 != 0xFE) || c->data.len < 3 || c->data.at[1] != 0x9B)
        return SW_PARAMETERS;
    size_t size = management_key_size(c->data.at[0]);
    if (size == 0 || c->data.at[2] != size || c->data.len != 3 + size)
        return SW_DATA;
    card->management_algorithm = c->data.at[0];
    memcpy(card->management, c->data.at + 3, size);
    card_save(card);
    return SW_OK;
}

static void put_retries(struct buffer *out, const struct reference *reference, const char *usual) {
    uint8_t factory[8];
    memset(factory, 0xFF, sizeof factory);
    memcpy(factory, usual, strlen(usual));
    tlv_put_byte(out, 0x01, 0xFF);
    tlv_put_byte(out, 0x05, memcmp(factory, reference->value, sizeof factory) == 0);
    const uint8_t retries[] = {reference->total, reference->left};
    tlv_put(out, 0x06, view_of(retries, sizeof retries));
}

static enum status put_slot_metadata(const struct slot *slot, struct buffer *out) {
    struct buffer inner = buffer_on(out->arena);
    const uint8_t policies[] = {slot->pin_policy, slot->touch_policy};
    if (slot->pkey == NULL)
        return SW_NO_REFERENCE;
    tlv_put_byte(out, 0x01, slot->algorithm);
    tlv_put(out, 0x02, view_of(policies, sizeof policies));
    tlv_put_byte(out, 0x03, slot->origin);
    if (!key_put_public(slot->pkey, &inner))
        return SW_INTERNAL;
    tlv_put(out, 0x04, buffer_view(&inner));
    return SW_OK;
}

static enum status do_metadata(struct card *card, const struct command *c, struct buffer *out) {
    static const uint8_t policies[] = {0, TOUCH_NEVER};
    const struct slot *slot = card_slot(card, c->p2);
    if (slot != NULL)
        return put_slot_metadata(slot, out);
    switch (c->p2) {
    case 0x80: put_retries(out, &card->pin, "123456"); return SW_OK;
    case 0x81: put_retries(out, &card->puk, "12345678"); return SW_OK;
    case 0x9B:
        tlv_put_byte(out, 0x01, card->management_algorithm);
        tlv_put(out, 0x02, view_of(policies, sizeof policies));
        tlv_put_byte(out, 0x05, memcmp(card->management, "\1\2\3\4\5\6\7\10", 8) == 0);
        return SW_OK;
    default: return SW_NO_REFERENCE;
    }
}

/* ---- the table ---- */

static const struct {
    uint8_t ins;
    enum status (*answer)(struct card *, const struct command *, struct buffer *);
} commands[] = {
    {0x20, do_verify},       {0x24, do_change_reference}, {0x2C, do_reset_retry}, {0x47, do_generate},
    {0x87, do_authenticate}, {0xA4, do_select},           {0xCB, do_get_data},    {0xDB, do_put_data},
    {0xF6, do_move},         {0xF7, do_metadata},         {0xF8, do_serial},      {0xF9, do_attest},
    {0xFA, do_set_retries},  {0xFB, do_reset},            {0xFD, do_version},     {0xFE, do_import},
    {0xFF, do_set_management},
};

enum status card_answer(struct card *card, const struct command *command, struct buffer *out) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (commands[i].ins == command->ins)
            return commands[i].answer(card, command, out);
    return SW_INSTRUCTION;
}
