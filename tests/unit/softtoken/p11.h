/* What the token tests share: the module under test, a fresh token, and short ways to say things.
 *
 * The tests are written against Cryptoki alone and run over every module that is given; what a
 * module does not offer is asked of the module (has_mechanism) and skipped. Differences that are
 * the module's own choice are in `struct token_kind`.
 */
#ifndef TEST_SOFTTOKEN_P11_H
#define TEST_SOFTTOKEN_P11_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "cryptoki.h"

#define SO_PIN "so-pin-1234"
#define USER_PIN "user-pin-5678"
#define LABEL_32 "gatehouse test                  "

struct token_kind {
    const char *name;
    bool ours;              /* softtoken: strict where the standard leaves a choice */
    CK_MECHANISM_TYPE wrap; /* key wrap with padding */
    CK_RV no_key;           /* the answer to a handle that is no key's */
};

struct rig {
    struct token_kind kind;
    const char *module_path;
    char dir[64]; /* of this run, removed at the end */
    CK_FUNCTION_LIST *p11;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session; /* of the test: read-write, the user logged in */
};

extern struct rig rig;

/* p11->C_Xxx(...) has to give this; the names of both are shown when it does not. */
#define assert_rv(expected, call)                                                                  \
    assert_rv_at((call), (expected), #call, #expected, __FILE__, __LINE__)
#define assert_ok(call) assert_rv(CKR_OK, call)
void assert_rv_at(CK_RV got, CK_RV expected, const char *call, const char *name, const char *file,
                  int line);

/* ---- set up and take down (cmocka fixtures) -------------------------------------------------- */

int rig_open(const char *module_path, const char *kind);
void rig_close(void);
void rig_make_token(void);
int test_session(void **state);     /* opens rig.session and logs in */
int test_session_end(void **state); /* closes every session: session objects go with it */

/* The newest interface of the module (3.0 and later). */
CK_INTERFACE *p11_interface(void);

bool has_mechanism(CK_MECHANISM_TYPE type);
#define need_mechanism(type)                                                                       \
    do {                                                                                           \
        if (!has_mechanism(type))                                                                  \
            skip();                                                                                \
    } while (0)

CK_SESSION_HANDLE open_session(CK_FLAGS flags);
void login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin);
CK_FLAGS token_flags(void);

/* ---- templates ------------------------------------------------------------------------------ */

extern CK_BBOOL yes, no;
#define A_BOOL(type, flag)                                                                         \
    { type, &(flag), sizeof(CK_BBOOL) }
#define A_ULONG(type, number)                                                                      \
    { type, &(CK_ULONG){number}, sizeof(CK_ULONG) }
#define A_TEXT(type, text)                                                                         \
    { type, (void *)(text), sizeof(text) - 1 }
#define A_BYTES(type, at, len)                                                                     \
    { type, (void *)(at), len }
#define COUNT(array) (sizeof(array) / sizeof *(array))

bool get_bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
CK_ULONG get_ulong(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
/* Returns the length; fails when it does not fit. */
size_t get_bytes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, uint8_t *to, size_t room);
/* The answer to asking for one attribute. */
CK_RV get_rv(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
size_t count_objects(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count);
CK_OBJECT_HANDLE find_one(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count);

/* ---- keys ----------------------------------------------------------------------------------- */

struct key_kind {
    const char *name;
    CK_MECHANISM_TYPE generate;
    CK_KEY_TYPE key_type;
    const uint8_t *params; /* CKA_EC_PARAMS */
    CK_ULONG params_len;
    CK_ULONG number; /* CKA_MODULUS_BITS or CKA_PARAMETER_SET */
    bool slow;
};

extern const struct key_kind key_kinds[];
extern const size_t key_kind_count;
const struct key_kind *key_kind(const char *name);

struct pair {
    CK_OBJECT_HANDLE public;
    CK_OBJECT_HANDLE private;
};

/* A session key pair; attributes are added to the private key's template. */
CK_RV try_pair(const struct key_kind *kind, bool on_token, const CK_ATTRIBUTE *more, CK_ULONG count,
               struct pair *ret_pair);
struct pair make_pair(const char *kind_name);
CK_OBJECT_HANDLE make_aes(CK_ULONG len, bool on_token, const CK_ATTRIBUTE *more, CK_ULONG count);

/* The public key as OpenSSL's, made from its attributes. The caller frees. */
EVP_PKEY *public_pkey(CK_OBJECT_HANDLE public);
/* ECDSA: from r || s to DER. Returns the length. */
size_t ecdsa_der(const uint8_t *raw, size_t len, uint8_t *der);

#endif
