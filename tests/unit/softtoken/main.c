/* token_test MODULE KIND: the token tests over one PKCS #11 module. KIND is softtoken or softhsm.
 */
#include "p11.h"
#include "suites.h"

int main(int argc, char **argv) {
    if (argc != 3 || rig_open(argv[1], argv[2]) != 0) {
        (void)fprintf(stderr, "usage: %s MODULE softtoken|softhsm\n", argv[0]);
        return 2;
    }
    int failed = general_tests();
    failed += session_tests();
    failed += object_tests();
    failed += sign_tests();
    failed += import_tests();
    failed += crypt_tests();
    failed += wrap_tests();
    failed += nested_tests();
    failed += mac_tests();
    failed += derive_tests();
    failed += hostile_tests();
    if (rig.kind.ours)
        failed += file_tests() + crash_tests();
    rig_close();
    return failed == 0 ? 0 : 1;
}
