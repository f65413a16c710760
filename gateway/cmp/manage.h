/* REST of CMP: settings of templates, the default one, transactions. */
#ifndef GATEHOUSE_CMP_MANAGE_H
#define GATEHOUSE_CMP_MANAGE_H

#include "rest/handler.h"

#define CMP_DEFAULT_SETTING "cmp-default-template"

HANDLER(cmp_default_get);
HANDLER(cmp_default_put);
HANDLER(cmp_settings_get);
HANDLER(cmp_settings_put);
HANDLER(cmp_transactions_list);
HANDLER(cmp_transactions_get);

#endif
