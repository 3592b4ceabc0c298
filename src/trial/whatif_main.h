/* What `sallyport whatif` runs: `sallyport-test whatif …`. */
#ifndef SP_TRIAL_WHATIF_MAIN_H
#define SP_TRIAL_WHATIF_MAIN_H

/* argv[0] is "whatif". The exit status, as sp_trial_run_whatif. */
int sp_trial_whatif_main(int argc, char **argv);

#endif
