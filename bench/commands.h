/* The commands of sallyport-bench. Each parses its arguments, of which the first is its name in
 * messages, and returns the exit status. */
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

int command_run(int argc, char **argv); /* command_run.c */
int command_churn(int argc, char **argv);
int command_world(int argc, char **argv); /* command_world.c */
int command_request(int argc, char **argv);
int command_report(int argc, char **argv); /* command_report.c */

#endif
