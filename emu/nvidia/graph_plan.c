// SPDX-License-Identifier: Apache-2.0
/*
 * Plans: what an executable graph does, flat, each step after what it depends on. A launch is one
 * command of its stream; when its turn comes, each step becomes a command of its own.
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

#define NOTHING UINT32_MAX

void nv_exec_retain(struct nv_exec *plan)
{
    plan->refs++;
}

void nv_exec_release(struct nv_exec *plan)
{
    if (--plan->refs > 0)
        return;
    for (unsigned i = 0; i < plan->count; i++) {
        nv_op_clear(&plan->steps[i].op);
        free(plan->steps[i].before);
    }
    free(plan->steps);
    free(plan);
}

static struct nv_step *add_step(struct nv_exec *plan, const struct nv_node *node,
                                const struct nv_op *op)
{
    struct nv_step *larger = realloc(plan->steps, (plan->count + 1) * sizeof(*larger)), *step;

    if (!larger)
        return NULL;
    plan->steps = larger;
    step = &plan->steps[plan->count];
    *step = (struct nv_step){.origin = node,
                             .number = node ? node->number : 0,
                             .type = node ? node->type : CU_GRAPH_NODE_TYPE_EMPTY};
    if (!nv_op_copy(&step->op, op))
        return NULL;
    plan->count++;
    return step;
}

static bool step_after(struct nv_step *step, unsigned index)
{
    unsigned *larger = realloc(step->before, (step->before_count + 1) * sizeof(*larger));

    if (!larger)
        return false;
    step->before = larger;
    step->before[step->before_count++] = index;
    return true;
}

/* ---- from a graph ---- */

static bool flatten(struct nv_exec *plan, const struct nv_graph *graph, unsigned entry,
                    unsigned depth);

/* What lies in a node, behind its own step @first, and an empty step behind all of it. Its index,
 * or NOTHING. */
static unsigned flatten_inner(struct nv_exec *plan, const struct nv_node *n, unsigned first,
                              unsigned depth)
{
    static const struct nv_op empty = {.kind = NV_OP_EMPTY};
    unsigned last;

    if (!flatten(plan, n->child, first, depth + 1))
        return NOTHING;
    last = plan->count;
    if (!add_step(plan, NULL, &empty))
        return NOTHING;
    for (unsigned i = first; i < last; i++) {
        if (!step_after(&plan->steps[last], i))
            return NOTHING;
    }
    plan->steps[first].inner = last - first;
    return last;
}

/* The bodies of a conditional node have plans of their own. */
static bool make_bodies(struct nv_step *step, const struct nv_node *n)
{
    struct nv_exec **bodies = calloc(n->body_count + 1, sizeof(*bodies));
    unsigned made = 0;

    while (bodies && made < n->body_count &&
           nv_plan_make(n->bodies[made], &bodies[made]) == CUDA_SUCCESS)
        made++;
    if (bodies && made == n->body_count) {
        step->op.condition.bodies = bodies;
        return true;
    }
    for (unsigned i = 0; i < made; i++)
        nv_exec_release(bodies[i]);
    free(bodies);
    return false;
}

/* Appends one node; the step that stands for its end comes to *last. */
static bool flatten_node(struct nv_exec *plan, const struct nv_node *n, const unsigned *step_of,
                         unsigned entry, unsigned depth, unsigned *last)
{
    unsigned first = plan->count;
    struct nv_step *step = add_step(plan, n, &n->op);

    if (!step)
        return false;
    for (unsigned i = 0; i < n->before_count; i++) {
        if (!step_after(step, step_of[n->before[i]->number]))
            return false;
    }
    if (n->before_count == 0 && entry != NOTHING && !step_after(step, entry))
        return false;
    if (n->body_count && !make_bodies(step, n))
        return false;
    *last = n->child ? flatten_inner(plan, n, first, depth) : first;
    return *last != NOTHING;
}

/* Appends a graph's nodes in an order that their edges allow. Its roots come after step @entry. A
 * child graph is an empty step, its nodes, and an empty step behind them. */
static bool flatten(struct nv_exec *plan, const struct nv_graph *graph, unsigned entry,
                    unsigned depth)
{
    unsigned total = 0, *step_of;
    bool good = depth <= 32;

    for (const struct nv_node *n = graph->nodes; n; n = n->next)
        total = n->number + 1 > total ? n->number + 1 : total;
    step_of = malloc((total + 1) * sizeof(*step_of));
    if (!step_of)
        return false;
    memset(step_of, 0xff, (total + 1) * sizeof(*step_of));
    for (bool progress = true; progress && good;) {
        progress = false;
        for (const struct nv_node *n = graph->nodes; n && good; n = n->next) {
            bool ready = step_of[n->number] == NOTHING;

            for (unsigned i = 0; i < n->before_count && ready; i++)
                ready = step_of[n->before[i]->number] != NOTHING;
            if (!ready)
                continue;
            good = flatten_node(plan, n, step_of, entry, depth, &step_of[n->number]);
            progress = true;
        }
    }
    free(step_of);
    return good;
}

static struct nv_exec *plan_new(void)
{
    struct nv_exec *plan = calloc(1, sizeof(*plan));

    if (plan)
        plan->refs = 1;
    return plan;
}

CUresult nv_plan_make(const struct nv_graph *graph, struct nv_exec **out)
{
    struct nv_exec *plan = plan_new();

    if (!plan || !flatten(plan, graph, NOTHING, 0)) {
        if (plan)
            nv_exec_release(plan);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *out = plan;
    return CUDA_SUCCESS;
}

struct nv_exec *nv_plan_copy(const struct nv_exec *plan)
{
    struct nv_exec *copy = plan_new();

    for (unsigned i = 0; copy && i < plan->count; i++) {
        const struct nv_step *from = &plan->steps[i];
        struct nv_step *to = add_step(copy, NULL, &from->op);

        if (!to)
            return NULL;
        to->origin = from->origin;
        to->number = from->number;
        to->type = from->type;
        to->disabled = from->disabled;
        to->inner = from->inner;
        for (unsigned k = 0; k < from->before_count; k++)
            step_after(to, from->before[k]);
    }
    return copy;
}

CUgraphExecUpdateResult nv_plan_compare(const struct nv_exec *old, const struct nv_exec *new)
{
    if (old->count != new->count)
        return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    for (unsigned i = 0; i < old->count; i++) {
        const struct nv_step *a = &old->steps[i], *b = &new->steps[i];

        if (a->type != b->type)
            return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
        if (a->before_count != b->before_count ||
            (a->before_count &&
             memcmp(a->before, b->before, a->before_count * sizeof(*a->before)) != 0))
            return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
        if (a->op.ctx != b->op.ctx)
            return CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE;
        if (a->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || a->type == CU_GRAPH_NODE_TYPE_CONDITIONAL)
            return CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED;
    }
    return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

/* ---- starting ---- */

static struct nv_command *start_step(const struct nv_step *step, struct nv_command *parent)
{
    struct nv_op op = {.kind = NV_OP_EMPTY};
    struct nv_command *command;

    if (!step->disabled)
        nv_op_copy(&op, &step->op);
    if (op.kind == NV_OP_RECORD && op.record.event->shared)
        op.record.version = nv_shared_ask(op.record.event->shared);
    if (op.kind == NV_OP_WAIT_EVENT && nv_event_wait_op(op.record.event, &op))
        nv_event_release(op.record.event); /* the copy's reference; the wait has its own */
    command = nv_command_new(parent->op.ctx, &op);
    if (!command)
        return NULL;
    command->priority = parent->priority;
    command->stack_bytes = parent->stack_bytes;
    if (op.kind == NV_OP_KERNEL && !op.kernel.own_priority)
        command->op.kernel.priority = parent->priority;
    if (op.kind == NV_OP_WAIT_EVENT)
        nv_command_after(command, op.record.event->record);
    if (op.kind == NV_OP_RECORD)
        nv_event_set_record(op.record.event, command);
    command->parent = nv_command_retain(parent);
    return command;
}

bool nv_plan_launch(const struct nv_exec *plan, struct nv_command *launch)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct nv_step *step = &plan->steps[i];

        if (step->disabled || (step->op.kind != NV_OP_RECORD && step->op.kind != NV_OP_WAIT_EVENT))
            continue;
        if (!launch->event_steps &&
            !(launch->event_steps = calloc(plan->count, sizeof(*launch->event_steps))))
            return false;
        launch->event_steps[i] = start_step(step, launch);
        if (!launch->event_steps[i])
            return false;
    }
    return true;
}

bool nv_plan_start(const struct nv_exec *plan, struct nv_command *parent, uint64_t now)
{
    struct nv_command **commands = calloc(plan->count + 1, sizeof(*commands));
    bool good = commands != NULL;

    for (unsigned i = 0; i < plan->count && good; i++) {
        const struct nv_step *step = &plan->steps[i];

        commands[i] = parent->event_steps ? parent->event_steps[i] : NULL;
        if (!commands[i])
            commands[i] = start_step(step, parent);
        good = commands[i] != NULL;
        for (unsigned k = 0; good && k < step->before_count; k++)
            nv_command_after(commands[i], commands[step->before[k]]);
        parent->children += good;
    }
    for (unsigned i = 0; good && i < plan->count; i++)
        nv_command_submit(commands[i]);
    free(commands);
    free(parent->event_steps);
    parent->event_steps = NULL;
    return good;
}

void nv_exec_start(struct nv_command *launch, uint64_t now)
{
    launch->children = 1; /* it is not done while it is being started */
    nv_condition_defaults(launch->op.exec);
    if (!nv_plan_start(launch->op.exec, launch, now))
        nv_context_break(launch->op.ctx, CUDA_ERROR_OUT_OF_MEMORY);
    if (--launch->children == 0)
        nv_command_done(launch, now);
}
