/* The process's memory of the instance's data key; see secret.h. */
#ifndef GATEHOUSE_CA_DATA_KEY_H
#define GATEHOUSE_CA_DATA_KEY_H

#include "ca/core.h"

struct data_key;
struct data_key *data_key_new(void);
void data_key_free(struct data_key *data_key);
struct data_key *core_data_key(struct core *core);

#endif
