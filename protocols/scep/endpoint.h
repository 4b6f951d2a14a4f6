/* What the files of this folder share: the opened protocol, its endpoints and their handlers. */
#pragma once

#include "ca/scep_ras.h"
#include "protocols/scep/intune.h"
#include "protocols/scep/next_ca.h"
#include "protocols/scep/scep.h"
#include "protocols/shared/known_credentials.h"
#include "protocols/shared/refusals.h"

#define SCEP_DOOR "scep" /* of users, challenges and requests in the store */

/* Stands alone for the names of a challenge that is good for whatever the profile gives: a registrar's. */
#define SCEP_ANY_NAME "*"

/* How a requester begins whose challenge was Intune's; its address follows, behind a colon. */
#define SCEP_INTUNE_REQUESTER "scep-intune"

struct scep_endpoint {
	struct scep *scep;
	const char *name;
};

struct scep {
	struct authority *authority;
	struct scep_ras *ras;
	struct intune *intune;
	struct next_cas *next_cas;
	struct known_credentials *known;
	struct refusals refusals;
	struct scep_endpoint *endpoints;
	unsigned n_endpoints;
	struct arena *arena; /* of endpoints and route patterns */
};

call_handler scep_serve;          /* /scep/NAME (operation.c) */
call_choose_lane scep_choose_lane;
call_handler scep_make_challenge; /* POST /scep/NAME/challenge (challenge_door.c) */
call_handler scep_show_challenge; /* GET /scep/NAME/mscep_admin (challenge_door.c) */
