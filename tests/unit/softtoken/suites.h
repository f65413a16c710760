/* One function a file of tests: how many failed. They run in this order, on one token. */
#ifndef TEST_SOFTTOKEN_SUITES_H
#define TEST_SOFTTOKEN_SUITES_H

int general_tests(void); /* makes the token */
int session_tests(void);
int object_tests(void);
int sign_tests(void);
int import_tests(void);
int crypt_tests(void);
int wrap_tests(void);
int nested_tests(void);
int mac_tests(void);
int derive_tests(void);
int hostile_tests(void);
int file_tests(void);  /* softtoken alone: its files */
int crash_tests(void); /* softtoken alone: killed writers, a full disk */

#endif
