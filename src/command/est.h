/* The parts of `chancery est`. */
#pragma once

int est_user(int argc, char **argv);  /* est_user.c */
int est_token(int argc, char **argv); /* est_token.c */
