/* A YubiKey's PIV application in software, for tests: NIST SP 800-73-4 part 2 (commands) and Yubico's
 * extensions (docs.yubico.com, "PIV extensions"). It keeps nothing secret: its state is a plain file. */
#ifndef YUBIKEY_CARD_CARD_H
#define YUBIKEY_CARD_CARD_H

#include "base/arena.h"
#include "base/buffer.h"

#include <openssl/evp.h>

#define SLOTS 25 /* 9a, 9c, 9d, 9e, 82-95, f9 */
#define OBJECTS_MAX 64
#define OBJECT_SIZE_MAX 3072
#define CHALLENGE_MAX 16

/* Status words, ISO/IEC 7816-4 5.1.3. */
enum status {
    SW_OK = 0x9000,
    SW_TRIES = 0x63C0, /* plus the tries that are left */
    SW_LENGTH = 0x6700,
    SW_SECURITY = 0x6982,
    SW_BLOCKED = 0x6983,
    SW_CONDITIONS = 0x6985,
    SW_DATA = 0x6A80,
    SW_NOT_FOUND = 0x6A82,
    SW_FULL = 0x6A84,
    SW_PARAMETERS = 0x6A86,
    SW_NO_REFERENCE = 0x6A88,
    SW_INSTRUCTION = 0x6D00,
    SW_INTERNAL = 0x6F00,
};

enum { PIN_NEVER = 1, PIN_ONCE = 2, PIN_ALWAYS = 3 };
enum { TOUCH_NEVER = 1, TOUCH_ALWAYS = 2, TOUCH_CACHED = 3 };
enum { ORIGIN_GENERATED = 1, ORIGIN_IMPORTED = 2 };

/* One key, SP 800-73-4 part 1 table 4b. No key: pkey NULL. */
struct slot {
    uint8_t reference, algorithm, pin_policy, touch_policy, origin;
    EVP_PKEY *pkey;
};

struct object {
    unsigned tag;
    uint8_t *at; /* from the 0x53 on */
    size_t len;
};

struct reference { /* PIN or PUK: 8 bytes, padded with 0xff */
    uint8_t value[8], left, total;
};

struct card {
    /* kept in the file */
    uint32_t serial;
    uint8_t version[3];
    struct reference pin, puk;
    uint8_t management[32], management_algorithm;
    struct slot slots[SLOTS];
    struct object objects[OBJECTS_MAX];
    size_t object_count;

    /* gone with power or SELECT */
    bool pin_verified, pin_fresh, managed;
    uint8_t witness[CHALLENGE_MAX], challenge[CHALLENGE_MAX];
    bool has_witness, has_challenge;

    const char *directory;
    bool touched;         /* somebody touches it whenever it blinks */
    unsigned signatures;  /* since the start */
};

struct command {
    uint8_t cla, ins, p1, p2;
    struct view data;
};

/* SELECT and power: what was proved is forgotten. */
void card_reset_session(struct card *card);
/* Answers one whole command (chaining is done): the data of the answer is added to `out`. */
enum status card_answer(struct card *card, const struct command *command, struct buffer *out);

/* --- state.c: the file DIR/card; a card that is new is made as it leaves the factory. */
bool card_open(struct card *card, const char *directory, uint32_t serial, const uint8_t version[static 3]);
void card_save(const struct card *card);
/* As the factory made it, but for the attestation key and its certificate. */
void card_factory(struct card *card);
struct object *card_object(struct card *card, unsigned tag);
/* An empty view removes it; false: no room. */
bool card_put_object(struct card *card, unsigned tag, struct view data);

/* --- keys.c: the slots. */
struct slot *card_slot(struct card *card, uint8_t reference);
bool algorithm_known(const struct card *card, uint8_t algorithm);
EVP_PKEY *key_generate(uint8_t algorithm);
/* From the parts of IMPORT ASYMMETRIC KEY; NULL: they make no key. */
EVP_PKEY *key_import(uint8_t algorithm, struct view parts);
/* The parts 81, 82 or 86 of a public key. */
bool key_put_public(const EVP_PKEY *pkey, struct buffer *out);
enum status key_private(const struct slot *slot, struct view in, struct buffer *out);  /* GENERAL AUTHENTICATE 81 */
enum status key_exchange(const struct slot *slot, struct view in, struct buffer *out); /* GENERAL AUTHENTICATE 85 */

/* --- management.c: 9b, 3DES and AES. */
size_t management_key_size(uint8_t algorithm); /* 0: no such algorithm */
size_t management_block_size(uint8_t algorithm);
enum status management_authenticate(struct card *card, uint8_t algorithm, struct view parts, struct buffer *out);

/* --- attest.c: the f9 key signs what it knows about the slot's (the certificate is DER). */
enum status attest(struct card *card, const struct slot *slot, struct buffer *out);
/* Key and certificate of f9, under a root that is written to DIR/attestation-root.pem. */
bool attestation_make(struct card *card);

/* --- tlv.c: BER-TLV, tags of one to three bytes. */
bool tlv_next(struct view *rest, unsigned *ret_tag, struct view *ret_value);
bool tlv_find(struct view rest, unsigned tag, struct view *ret_value);
void tlv_put(struct buffer *out, unsigned tag, struct view value);
void tlv_put_byte(struct buffer *out, unsigned tag, uint8_t value);

#endif
