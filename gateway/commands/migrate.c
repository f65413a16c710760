#include "commands/app.h"

#include <stdio.h>
#include <string.h>

#define WOULD_CHANGE 3 /* exit status of a dry run that found something to do */

/* Reads options and database alone: no directory is made, no signer started. */
static int dry_run(struct app *app, int argc, char *const argv[]) {
    struct error err = {0};
    struct migration_step *steps;
    size_t count, migrations = 0;
    if (!app_read_options(app, argc, argv, &err) || !app_set_log_levels(app->options, &err) ||
        !app_open_database(app, &err) || !db_migrate_plan(app->db, app->arena, &steps, &count, &err))
        return command_failed("migrate --dry-run", &err);
    if (count == 0) {
        puts("the schema is up to date; nothing would be applied");
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        migrations += i == 0 || strcmp(steps[i].migration, steps[i - 1].migration) != 0;
        printf("-- %s, statement %zu of %zu\n%s;\n\n", steps[i].migration, steps[i].number, steps[i].of,
               steps[i].statement);
    }
    printf("-- would apply %zu statements of %zu migrations; nothing was changed\n", count, migrations);
    return WOULD_CHANGE;
}

static int migrate(struct app *app, int argc, char *const argv[]) {
    struct error err = {0};
    if (!app_configure(app, argc, argv, &err) || !app_open_database(app, &err) || !db_migrate(app->db, &err))
        return command_failed("migrate", &err);
    puts("the schema is up to date");
    return 0;
}

int command_migrate(int argc, char *const argv[]) {
    struct app app = {0};
    bool dry = argc > 0 && strcmp(argv[0], "--dry-run") == 0;
    int status = dry ? dry_run(&app, argc - 1, argv + 1) : migrate(&app, argc, argv);
    app_close(&app);
    return status;
}
