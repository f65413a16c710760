#include "ca/template.h"

/* What is not written here takes the defaults of template_read.c. */
static const struct template_starter starters[] = {
    {"web-server", "Web Server",
     "{\"description\":\"TLS servers: names in the SAN, 397 days at most\",\"sans\":{\"types\":[\"dns\","
     "\"ip\"],\"min\":1,\"max\":100,\"commonNameToSan\":true}}"},
    {"tls-client", "TLS Client",
     "{\"description\":\"People and machines that authenticate themselves\",\"keyUsage\":["
     "\"digitalSignature\"],\"extendedKeyUsage\":[\"clientAuth\"],\"sans\":{\"types\":[\"dns\","
     "\"email\",\"uri\",\"upn\"],\"min\":0,\"max\":20,\"commonNameToSan\":false},\"subject\":{"
     "\"from\":\"csr\",\"attributes\":[\"CN\",\"O\",\"OU\",\"L\",\"ST\",\"C\",\"UID\",\"emailAddress\","
     "\"GN\",\"SN\",\"serialNumber\"],\"required\":[\"CN\"]}}"},
    {"email", "S/MIME",
     "{\"description\":\"E-mail signing and encryption\",\"keyUsage\":[\"digitalSignature\","
     "\"keyEncipherment\"],\"extendedKeyUsage\":[\"emailProtection\"],\"sans\":{\"types\":[\"email\"],"
     "\"min\":1,\"max\":10,\"commonNameToSan\":false},\"validity\":{\"days\":730,\"maxDays\":825},"
     "\"subject\":{\"from\":\"csr\",\"attributes\":[\"CN\",\"O\",\"OU\",\"L\",\"ST\",\"C\","
     "\"emailAddress\",\"GN\",\"SN\"]}}"},
    {"code-signing", "Code Signing",
     "{\"description\":\"Signing of programs\",\"keyUsage\":[\"digitalSignature\"],"
     "\"extendedKeyUsage\":[\"codeSigning\"],\"sans\":{\"types\":[],\"min\":0,\"max\":0,"
     "\"commonNameToSan\":false},\"subject\":{\"from\":\"csr\",\"attributes\":[\"CN\",\"O\",\"OU\","
     "\"L\",\"ST\",\"C\"],\"required\":[\"CN\"]},\"validity\":{\"days\":459,\"maxDays\":459}}"},
    {"sub-ca", "Subordinate CA",
     "{\"description\":\"Authorities outside this instance\",\"approval\":\"four-eyes\",\"keyUsage\":["
     "\"keyCertSign\",\"cRLSign\"],\"extendedKeyUsage\":[],\"basicConstraints\":{\"include\":true,"
     "\"ca\":true,\"pathLength\":0},\"sans\":{\"types\":[],\"min\":0,\"max\":0,\"commonNameToSan\":"
     "false},\"subject\":{\"from\":\"csr\",\"attributes\":[\"CN\",\"O\",\"OU\",\"L\",\"ST\",\"C\"],"
     "\"required\":[\"CN\"]},\"validity\":{\"days\":3652,\"maxDays\":7305}}"},
};

const struct template_starter *template_starters(size_t *ret_count) {
    *ret_count = sizeof starters / sizeof starters[0];
    return starters;
}
