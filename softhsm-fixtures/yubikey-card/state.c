#include "card.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)512 * 1024)

/* Tags of the file; what follows each is fixed but for the object and the PKCS#8. */
enum { F_IDENTITY = 1, F_PIN = 2, F_PUK = 3, F_MANAGEMENT = 4, F_SLOT = 5, F_OBJECT = 6 };

/* ---- objects ---- */

struct object *card_object(struct card *card, unsigned tag) {
    for (size_t i = 0; i < card->object_count; i++)
        if (card->objects[i].tag == tag)
            return &card->objects[i];
    return NULL;
}

bool card_put_object(struct card *card, unsigned tag, struct view data) {
    struct object *object = card_object(card, tag);
    if (object != NULL) {
        free(object->at);
        *object = card->objects[--card->object_count];
    }
    if (data.len == 0)
        return true;
    if (card->object_count == OBJECTS_MAX || data.len > OBJECT_SIZE_MAX)
        return false;
    object = &card->objects[card->object_count++];
    *object = (struct object){tag, must_alloc(data.len), data.len};
    memcpy(object->at, data.at, data.len);
    return true;
}

/* ---- factory ---- */

static void set_reference(struct reference *reference, const char *value) {
    *reference = (struct reference){.left = 3, .total = 3};
    memset(reference->value, 0xFF, sizeof reference->value);
    memcpy(reference->value, value, strlen(value));
}

static void name_slots(struct card *card) {
    static const uint8_t first[] = {0x9A, 0x9C, 0x9D, 0x9E};
    for (size_t i = 0; i < SLOTS; i++)
        card->slots[i].reference = i < 4 ? first[i] : i == SLOTS - 1 ? 0xF9 : (uint8_t)(0x82 + i - 4);
}

void card_factory(struct card *card) {
    static const uint8_t management[] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t i = 0; i < SLOTS - 1; i++) {
        EVP_PKEY_free(card->slots[i].pkey);
        card->slots[i] = (struct slot){.pkey = NULL};
    }
    name_slots(card);
    for (size_t i = card->object_count; i-- > 0;)
        if (card->objects[i].tag != 0x5FFF01)
            card_put_object(card, card->objects[i].tag, view_of(NULL, 0));
    set_reference(&card->pin, "123456");
    set_reference(&card->puk, "12345678");
    for (size_t i = 0; i < sizeof card->management; i++)
        card->management[i] = management[i % sizeof management];
    /* AES-192 since firmware 5.7 */
    card->management_algorithm = card->version[0] == 5 && card->version[1] >= 7 ? 0x0A : 0x03;
    card_reset_session(card);
}

/* ---- file ---- */

static void put_slot(struct buffer *out, const struct slot *slot) {
    struct buffer inner = buffer_on(out->arena);
    const uint8_t head[] = {slot->reference, slot->algorithm, slot->pin_policy, slot->touch_policy, slot->origin};
    uint8_t *der = NULL;
    int len = i2d_PrivateKey(slot->pkey, &der);
    buffer_add(&inner, head, sizeof head);
    buffer_add(&inner, der, (size_t)len);
    tlv_put(out, F_SLOT, buffer_view(&inner));
    OPENSSL_free(der);
}

static void put_object(struct buffer *out, const struct object *object) {
    struct buffer inner = buffer_on(out->arena);
    const uint8_t head[] = {(uint8_t)(object->tag >> 16), (uint8_t)(object->tag >> 8), (uint8_t)object->tag};
    buffer_add(&inner, head, sizeof head);
    buffer_add(&inner, object->at, object->len);
    tlv_put(out, F_OBJECT, buffer_view(&inner));
}

static void write_file(const struct card *card, const struct buffer *all) {
    char path[4096], fresh[4096];
    snprintf(path, sizeof path, "%s/card", card->directory);
    snprintf(fresh, sizeof fresh, "%s/card.new", card->directory);
    FILE *file = fopen(fresh, "we");
    bool done = file != NULL && fwrite(all->at, 1, all->len, file) == all->len;
    done = file != NULL && fclose(file) == 0 && done;
    if (!done || rename(fresh, path) != 0) {
        perror(path);
        exit(1);
    }
}

void card_save(const struct card *card) {
    SCOPED_ARENA struct arena *arena = arena_new();
    struct buffer out = buffer_on(arena);
    uint8_t identity[7] = {(uint8_t)(card->serial >> 24), (uint8_t)(card->serial >> 16), (uint8_t)(card->serial >> 8),
                           (uint8_t)card->serial};
    uint8_t management[33] = {card->management_algorithm};
    memcpy(identity + 4, card->version, sizeof card->version);
    memcpy(management + 1, card->management, sizeof card->management);
    tlv_put(&out, F_IDENTITY, view_of(identity, sizeof identity));
    tlv_put(&out, F_PIN, view_of(&card->pin, sizeof card->pin));
    tlv_put(&out, F_PUK, view_of(&card->puk, sizeof card->puk));
    tlv_put(&out, F_MANAGEMENT, view_of(management, sizeof management));
    for (size_t i = 0; i < SLOTS; i++)
        if (card->slots[i].pkey != NULL)
            put_slot(&out, &card->slots[i]);
    for (size_t i = 0; i < card->object_count; i++)
        put_object(&out, &card->objects[i]);
    write_file(card, &out);
}

static bool take_slot(struct card *card, struct view value) {
    struct slot *slot = value.len > 5 ? card_slot(card, value.at[0]) : NULL;
    if (slot == NULL)
        return false;
    const uint8_t *der = value.at + 5;
    *slot = (struct slot){value.at[0], value.at[1], value.at[2], value.at[3], value.at[4],
                          d2i_AutoPrivateKey(NULL, &der, (long)value.len - 5)};
    return slot->pkey != NULL;
}

static bool take_record(struct card *card, unsigned tag, struct view value) {
    switch (tag) {
    case F_IDENTITY:
        card->serial = (uint32_t)value.at[0] << 24 | (uint32_t)value.at[1] << 16 | (uint32_t)value.at[2] << 8 |
                       value.at[3];
        memcpy(card->version, value.at + 4, sizeof card->version);
        return true;
    case F_PIN: memcpy(&card->pin, value.at, sizeof card->pin); return true;
    case F_PUK: memcpy(&card->puk, value.at, sizeof card->puk); return true;
    case F_MANAGEMENT:
        card->management_algorithm = value.at[0];
        memcpy(card->management, value.at + 1, sizeof card->management);
        return true;
    case F_SLOT: return take_slot(card, value);
    default:
        return card_put_object(card, (unsigned)value.at[0] << 16 | (unsigned)value.at[1] << 8 | value.at[2],
                               view_of(value.at + 3, value.len - 3));
    }
}

static bool read_file(struct card *card, const char *path) {
    SCOPED_ARENA struct arena *arena = arena_new();
    uint8_t *bytes = arena_alloc(arena, FILE_MAX);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    struct view rest = view_of(bytes, fread(bytes, 1, FILE_MAX, file)), value;
    unsigned tag;
    fclose(file);
    name_slots(card);
    while (tlv_next(&rest, &tag, &value))
        if (!take_record(card, tag, value))
            return false;
    return rest.len == 0;
}

bool card_open(struct card *card, const char *directory, uint32_t serial, const uint8_t version[static 3]) {
    char path[4096];
    snprintf(path, sizeof path, "%s/card", directory);
    *card = (struct card){.serial = serial, .directory = directory};
    memcpy(card->version, version, sizeof card->version);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        fclose(file);
        return read_file(card, path);
    }
    card_factory(card);
    bool done = attestation_make(card);
    card_save(card);
    return done;
}
