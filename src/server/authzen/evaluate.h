/* /access/v1/evaluation and /access/v1/evaluations. */
#ifndef SP_SERVER_AUTHZEN_EVALUATE_H
#define SP_SERVER_AUTHZEN_EVALUATE_H

#include "server/authzen/endpoint.h"

sp_authzen_endpoint sp_authzen_evaluation, sp_authzen_evaluations;
sp_authzen_judge sp_authzen_evaluations_take_long;

#endif
