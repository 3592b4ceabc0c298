/* The commands of sallyport-sync, by name. */
#ifndef SP_SYNC_COMMANDS_COMMAND_TABLE_H
#define SP_SYNC_COMMANDS_COMMAND_TABLE_H

/* Runs the command that argv[1] names. The process's exit status. */
int sp_sync_main(int argc, char **argv, const char *version);

#endif
