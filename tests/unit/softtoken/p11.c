#include "p11.h"

#include <dlfcn.h>
#include <ftw.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

struct rig rig;
CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static const struct token_kind kinds[] = {
    {"softtoken", true, CKM_AES_KEY_WRAP_KWP, CKR_KEY_HANDLE_INVALID},
    {"softhsm", false, CKM_AES_KEY_WRAP_PAD, CKR_OBJECT_HANDLE_INVALID},
};

void assert_rv_at(CK_RV got, CK_RV expected, const char *call, const char *name, const char *file,
                  int line) {
    if (got == expected)
        return;
    print_error("%s\n  gave 0x%lx, not %s (0x%lx)\n", call, got, name, expected);
    _fail(file, line);
}

/* ---- set up --------------------------------------------------------------------------------- */

static void softhsm_config(void) {
    char path[128], tokens[128];
    (void)snprintf(path, sizeof path, "%s/softhsm2.conf", rig.dir);
    (void)snprintf(tokens, sizeof tokens, "mkdir -p %s/tokens", rig.dir);
    assert_int_equal(system(tokens), 0);
    FILE *conf = fopen(path, "w");
    assert_non_null(conf);
    (void)fprintf(conf, "directories.tokendir = %s/tokens\nlog.level = ERROR\n", rig.dir);
    (void)fclose(conf);
    (void)setenv("SOFTHSM2_CONF", path, 1);
}

int rig_open(const char *module_path, const char *kind) {
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strcmp(kinds[i].name, kind) == 0)
            rig.kind = kinds[i];
    if (rig.kind.name == NULL)
        return -1;
    rig.module_path = module_path;
    /* In memory where there is such a place: hundreds of durable writes are not what is tested. */
    const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(rig.dir, sizeof rig.dir, "%s/gatehouse-token-test-XXXXXX", where);
    if (mkdtemp(rig.dir) == NULL)
        return -1;
    if (rig.kind.ours)
        (void)setenv("GATEHOUSE_SOFTTOKEN_DIR", rig.dir, 1);
    else
        softhsm_config();
    void *library = dlopen(module_path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        (void)fprintf(stderr, "%s: %s\n", module_path, dlerror());
        return -1;
    }
    CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    return get != NULL && get(&rig.p11) == CKR_OK ? 0 : -1;
}

CK_INTERFACE *p11_interface(void) {
    CK_INTERFACE *interface = NULL;
    void *library = dlopen(rig.module_path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetInterface get = (CK_C_GetInterface)dlsym(library, "C_GetInterface");
    assert_non_null(get);
    assert_ok(get(NULL, NULL, &interface, 0));
    (void)dlclose(library);
    return interface;
}

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *ftw) {
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void rig_close(void) {
    (void)rig.p11->C_Finalize(NULL);
    (void)nftw(rig.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* In the last slot, which is the free one in both modules. */
void rig_make_token(void) {
    CK_SLOT_ID slots[16];
    CK_ULONG count = COUNT(slots);
    assert_ok(rig.p11->C_Initialize(&(CK_C_INITIALIZE_ARGS){.flags = CKF_OS_LOCKING_OK}));
    assert_ok(rig.p11->C_GetSlotList(CK_FALSE, NULL, &count));
    count = COUNT(slots);
    assert_ok(rig.p11->C_GetSlotList(CK_FALSE, slots, &count));
    rig.slot = slots[count - 1];
    assert_ok(rig.p11->C_InitToken(rig.slot, (CK_UTF8CHAR *)SO_PIN, strlen(SO_PIN),
                                   (CK_UTF8CHAR *)LABEL_32));
    CK_SESSION_HANDLE session = open_session(CKF_RW_SESSION);
    login(session, CKU_SO, SO_PIN);
    assert_ok(rig.p11->C_InitPIN(session, (CK_UTF8CHAR *)USER_PIN, strlen(USER_PIN)));
    assert_ok(rig.p11->C_CloseSession(session));
}

int test_session(void **state) {
    (void)state;
    rig.session = open_session(CKF_RW_SESSION);
    login(rig.session, CKU_USER, USER_PIN);
    return 0;
}

int test_session_end(void **state) {
    (void)state;
    assert_ok(rig.p11->C_CloseAllSessions(rig.slot));
    return 0;
}

bool has_mechanism(CK_MECHANISM_TYPE type) {
    CK_MECHANISM_INFO info;
    return rig.p11->C_GetMechanismInfo(rig.slot, type, &info) == CKR_OK;
}

CK_SESSION_HANDLE open_session(CK_FLAGS flags) {
    CK_SESSION_HANDLE session = 0;
    assert_ok(rig.p11->C_OpenSession(rig.slot, flags | CKF_SERIAL_SESSION, NULL, NULL, &session));
    assert_true(session != CK_INVALID_HANDLE);
    return session;
}

void login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const char *pin) {
    assert_ok(rig.p11->C_Login(session, user, (CK_UTF8CHAR *)pin, strlen(pin)));
}

CK_FLAGS token_flags(void) {
    CK_TOKEN_INFO info;
    assert_ok(rig.p11->C_GetTokenInfo(rig.slot, &info));
    return info.flags;
}

/* ---- attributes ----------------------------------------------------------------------------- */

size_t get_bytes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, uint8_t *to, size_t room) {
    CK_ATTRIBUTE attr = {type, to, room};
    assert_ok(rig.p11->C_GetAttributeValue(rig.session, object, &attr, 1));
    return attr.ulValueLen;
}

bool get_bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_BBOOL flag = 7;
    assert_int_equal(get_bytes(object, type, &flag, sizeof flag), sizeof flag);
    assert_true(flag <= CK_TRUE);
    return flag == CK_TRUE;
}

CK_ULONG get_ulong(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_ULONG number = 0;
    assert_int_equal(get_bytes(object, type, (uint8_t *)&number, sizeof number), sizeof number);
    return number;
}

CK_RV get_rv(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    uint8_t value[8192];
    CK_ATTRIBUTE attr = {type, value, sizeof value};
    CK_RV rv = rig.p11->C_GetAttributeValue(rig.session, object, &attr, 1);
    if (rv != CKR_OK && rv != CKR_OBJECT_HANDLE_INVALID)
        assert_true(attr.ulValueLen == CK_UNAVAILABLE_INFORMATION);
    return rv;
}

size_t count_objects(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count) {
    CK_OBJECT_HANDLE found[64];
    CK_ULONG got;
    size_t total = 0;
    assert_ok(rig.p11->C_FindObjectsInit(session, wanted, count));
    do {
        assert_ok(rig.p11->C_FindObjects(session, found, COUNT(found), &got));
        total += got;
    } while (got > 0);
    assert_ok(rig.p11->C_FindObjectsFinal(session));
    return total;
}

CK_OBJECT_HANDLE find_one(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count) {
    CK_OBJECT_HANDLE found[2] = {0};
    CK_ULONG got = 0;
    assert_ok(rig.p11->C_FindObjectsInit(session, wanted, count));
    assert_ok(rig.p11->C_FindObjects(session, found, 2, &got));
    assert_ok(rig.p11->C_FindObjectsFinal(session));
    assert_int_equal(got, 1);
    return found[0];
}

/* ---- keys ----------------------------------------------------------------------------------- */

#define OID(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define NO_OID NULL, 0
#define P256 OID(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07)
#define P384 OID(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22)
#define P521 OID(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23)
#define P224 OID(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21)
#define SECP256K1 OID(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a)
#define BRAINPOOL(number) OID(0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, number)
#define ED25519 OID(0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9')
#define ED25519_OID OID(0x06, 0x03, 0x2b, 0x65, 0x70)
#define ED448_OID OID(0x06, 0x03, 0x2b, 0x65, 0x71)
#define SLH(name, set, slow)                                                                       \
    { name, CKM_SLH_DSA_KEY_PAIR_GEN, CKK_SLH_DSA, NO_OID, set, slow }

const struct key_kind key_kinds[] = {
    {"RSA-2048", CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, NO_OID, 2048, false},
    {"RSA-3072", CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, NO_OID, 3072, false},
    {"RSA-4096", CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, NO_OID, 4096, true},
    {"P-256", CKM_EC_KEY_PAIR_GEN, CKK_EC, P256, 0, false},
    {"P-384", CKM_EC_KEY_PAIR_GEN, CKK_EC, P384, 0, false},
    {"P-521", CKM_EC_KEY_PAIR_GEN, CKK_EC, P521, 0, false},
    {"P-224", CKM_EC_KEY_PAIR_GEN, CKK_EC, P224, 0, false},
    {"secp256k1", CKM_EC_KEY_PAIR_GEN, CKK_EC, SECP256K1, 0, false},
    {"brainpoolP256r1", CKM_EC_KEY_PAIR_GEN, CKK_EC, BRAINPOOL(0x07), 0, false},
    {"brainpoolP320r1", CKM_EC_KEY_PAIR_GEN, CKK_EC, BRAINPOOL(0x09), 0, false},
    {"brainpoolP384r1", CKM_EC_KEY_PAIR_GEN, CKK_EC, BRAINPOOL(0x0b), 0, false},
    {"brainpoolP512r1", CKM_EC_KEY_PAIR_GEN, CKK_EC, BRAINPOOL(0x0d), 0, false},
    {"Ed25519", CKM_EC_EDWARDS_KEY_PAIR_GEN, CKK_EC_EDWARDS, ED25519, 0, false},
    {"Ed25519 by OID", CKM_EC_EDWARDS_KEY_PAIR_GEN, CKK_EC_EDWARDS, ED25519_OID, 0, false},
    {"Ed448", CKM_EC_EDWARDS_KEY_PAIR_GEN, CKK_EC_EDWARDS, ED448_OID, 0, false},
    {"ML-DSA-44", CKM_ML_DSA_KEY_PAIR_GEN, CKK_ML_DSA, NO_OID, CKP_ML_DSA_44, false},
    {"ML-DSA-65", CKM_ML_DSA_KEY_PAIR_GEN, CKK_ML_DSA, NO_OID, CKP_ML_DSA_65, false},
    {"ML-DSA-87", CKM_ML_DSA_KEY_PAIR_GEN, CKK_ML_DSA, NO_OID, CKP_ML_DSA_87, false},
    SLH("SLH-DSA-SHA2-128s", CKP_SLH_DSA_SHA2_128S, true),
    SLH("SLH-DSA-SHAKE-128s", CKP_SLH_DSA_SHAKE_128S, true),
    SLH("SLH-DSA-SHA2-128f", CKP_SLH_DSA_SHA2_128F, false),
    SLH("SLH-DSA-SHAKE-128f", CKP_SLH_DSA_SHAKE_128F, false),
    SLH("SLH-DSA-SHA2-192s", CKP_SLH_DSA_SHA2_192S, true),
    SLH("SLH-DSA-SHAKE-192s", CKP_SLH_DSA_SHAKE_192S, true),
    SLH("SLH-DSA-SHA2-192f", CKP_SLH_DSA_SHA2_192F, false),
    SLH("SLH-DSA-SHAKE-192f", CKP_SLH_DSA_SHAKE_192F, true),
    SLH("SLH-DSA-SHA2-256s", CKP_SLH_DSA_SHA2_256S, true),
    SLH("SLH-DSA-SHAKE-256s", CKP_SLH_DSA_SHAKE_256S, true),
    SLH("SLH-DSA-SHA2-256f", CKP_SLH_DSA_SHA2_256F, true),
    SLH("SLH-DSA-SHAKE-256f", CKP_SLH_DSA_SHAKE_256F, true),
};
const size_t key_kind_count = COUNT(key_kinds);

const struct key_kind *key_kind(const char *name) {
    for (size_t i = 0; i < key_kind_count; i++)
        if (strcmp(key_kinds[i].name, name) == 0)
            return &key_kinds[i];
    fail_msg("no such kind of key: %s", name);
    return NULL;
}

CK_RV try_pair(const struct key_kind *kind, bool on_token, const CK_ATTRIBUTE *more, CK_ULONG count,
               struct pair *ret_pair) {
    CK_MECHANISM mechanism = {kind->generate, NULL, 0};
    CK_ULONG number = kind->number;
    CK_BBOOL token = on_token ? CK_TRUE : CK_FALSE;
    CK_ATTRIBUTE_TYPE number_type =
        kind->key_type == CKK_RSA ? CKA_MODULUS_BITS : CKA_PARAMETER_SET;
    CK_ATTRIBUTE public[8] = {
        A_BOOL(CKA_TOKEN, token),
        A_BOOL(CKA_VERIFY, yes),
        A_TEXT(CKA_LABEL, "pair"),
    };
    CK_ULONG public_count = 3;
    if (kind->params != NULL)
    public[public_count++] = (CK_ATTRIBUTE)A_BYTES(CKA_EC_PARAMS, kind->params, kind->params_len);
    else public[public_count++] = (CK_ATTRIBUTE){number_type, &number, sizeof number};
    CK_ATTRIBUTE private[24] = {
        A_BOOL(CKA_TOKEN, token),
        A_BOOL(CKA_SIGN, yes),
        A_TEXT(CKA_LABEL, "pair"),
        A_BOOL(CKA_PRIVATE, yes),
    };
    CK_ULONG private_count = 4;
    for (CK_ULONG i = 0; i < count; i++)
    private[private_count++] = more[i];
    return rig.p11->C_GenerateKeyPair(rig.session, &mechanism, public, public_count, private,
                                      private_count, &ret_pair->public, &ret_pair->private);
}

struct pair make_pair(const char *kind_name) {
    struct pair pair = {0};
    assert_ok(try_pair(key_kind(kind_name), false, NULL, 0, &pair));
    return pair;
}

CK_OBJECT_HANDLE make_aes(CK_ULONG len, bool on_token, const CK_ATTRIBUTE *more, CK_ULONG count) {
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_OBJECT_HANDLE key = 0;
    CK_BBOOL token = on_token ? CK_TRUE : CK_FALSE;
    CK_ATTRIBUTE template[24] = {
        A_BOOL(CKA_TOKEN, token),
        {CKA_VALUE_LEN, &len, sizeof len},
    };
    CK_ULONG total = 2;
    for (CK_ULONG i = 0; i < count; i++)
        template[total++] = more[i];
    assert_ok(rig.p11->C_GenerateKey(rig.session, &mechanism, template, total, &key));
    return key;
}

/* ---- OpenSSL's side ------------------------------------------------------------------------- */

static EVP_PKEY *pkey_of(const char *type, OSSL_PARAM_BLD *builder) {
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static EVP_PKEY *rsa_pkey(CK_OBJECT_HANDLE public) {
    uint8_t n[1024], e[64];
    BIGNUM *modulus = BN_bin2bn(n, (int)get_bytes(public, CKA_MODULUS, n, sizeof n), NULL);
    BIGNUM *exponent = BN_bin2bn(e, (int)get_bytes(public, CKA_PUBLIC_EXPONENT, e, sizeof e), NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent);
    EVP_PKEY *pkey = pkey_of("RSA", builder);
    BN_free(modulus);
    BN_free(exponent);
    return pkey;
}

static const char *curve_name(CK_OBJECT_HANDLE public) {
    uint8_t der[64];
    const uint8_t *next = der;
    size_t len = get_bytes(public, CKA_EC_PARAMS, der, sizeof der);
    ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &next, (long)len);
    const char *name = OBJ_nid2sn(OBJ_obj2nid(oid));
    ASN1_OBJECT_free(oid);
    return name;
}

static EVP_PKEY *curve_pkey(CK_OBJECT_HANDLE public, CK_KEY_TYPE key_type) {
    uint8_t der[256];
    size_t len = get_bytes(public, CKA_EC_POINT, der, sizeof der);
    size_t header = der[1] == 0x81 ? 3 : 2; /* OCTET STRING */
    assert_int_equal(der[0], 0x04);
    const uint8_t *point = der + header;
    len -= header;
    if (key_type == CKK_EC_EDWARDS)
        return EVP_PKEY_new_raw_public_key_ex(NULL, len == 32 ? "ED25519" : "ED448", NULL, point,
                                              len);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve_name(public), 0);
    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, len);
    return pkey_of("EC", builder);
}

EVP_PKEY *public_pkey(CK_OBJECT_HANDLE public) {
    CK_KEY_TYPE key_type = get_ulong(public, CKA_KEY_TYPE);
    uint8_t raw[4096];
    if (key_type == CKK_RSA)
        return rsa_pkey(public);
    if (key_type == CKK_EC || key_type == CKK_EC_EDWARDS)
        return curve_pkey(public, key_type);
    CK_ULONG set = get_ulong(public, CKA_PARAMETER_SET);
    size_t len = get_bytes(public, CKA_VALUE, raw, sizeof raw);
    for (size_t i = 0; i < key_kind_count; i++)
        if (key_kinds[i].key_type == key_type && key_kinds[i].number == set)
            return EVP_PKEY_new_raw_public_key_ex(NULL, key_kinds[i].name, NULL, raw, len);
    fail_msg("no OpenSSL name for parameter set %lu", set);
    return NULL;
}

size_t ecdsa_der(const uint8_t *raw, size_t len, uint8_t *der) {
    ECDSA_SIG *pair = ECDSA_SIG_new();
    uint8_t *next = der;
    ECDSA_SIG_set0(pair, BN_bin2bn(raw, (int)len / 2, NULL),
                   BN_bin2bn(raw + len / 2, (int)len / 2, NULL));
    int der_len = i2d_ECDSA_SIG(pair, &next);
    ECDSA_SIG_free(pair);
    assert_true(der_len > 0);
    return (size_t)der_len;
}
