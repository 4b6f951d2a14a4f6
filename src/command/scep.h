/* The parts of `chancery scep`. */
#pragma once

int scep_user(int argc, char **argv);      /* scep_user.c */
int scep_challenge(int argc, char **argv); /* scep_challenge.c */
