/* REST of EST: settings of templates, the default one. */
#ifndef GATEHOUSE_EST_MANAGE_H
#define GATEHOUSE_EST_MANAGE_H

#include "rest/handler.h"

HANDLER(est_default_get);
HANDLER(est_default_put);
HANDLER(est_settings_get);
HANDLER(est_settings_put);

#endif
