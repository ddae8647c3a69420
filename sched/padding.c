// SPDX-License-Identifier: Apache-2.0
/* The choice of padding. See padding.h. */
#include "sched/padding.h"

static uint32_t round_up(uint32_t value, uint32_t granule)
{
    uint32_t parts = value / granule + (value % granule != 0);
    return (parts ? parts : 1) * granule;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

uint32_t reef_padding_occupancy(const struct reef_pad_device *device,
                                const struct reef_pad_kernel *kernel, bool ignore_lds)
{
    uint32_t waves = device->waves_per_simd;
    waves = least(waves, device->vgprs / round_up(kernel->vgprs, device->vgpr_granule));
    waves = least(waves, device->sgprs / round_up(kernel->sgprs, device->sgpr_granule));
    uint32_t groups = waves * device->simds / most(kernel->waves, 1);
    if (kernel->waves > 1)
        groups = least(groups, device->groups_per_cu);
    if (kernel->lds_bytes > 0 && !ignore_lds)
        groups =
            least(groups, device->lds_bytes / round_up(kernel->lds_bytes, device->lds_granule));
    return groups;
}

static uint32_t layers_of(const struct reef_pad_device *device, const struct reef_pad_kernel *rt)
{
    return most((rt->groups + device->cus - 1) / device->cus, 1);
}

uint32_t reef_padding_rt_cus(const struct reef_pad_device *device, const struct reef_pad_kernel *rt)
{
    uint32_t layers = layers_of(device, rt);
    return (rt->groups + layers - 1) / layers;
}

/* What a merged kernel of @a and @b needs of a unit. */
static struct reef_pad_kernel merge(struct reef_pad_kernel a, const struct reef_pad_kernel *b)
{
    a.waves = most(a.waves, b->waves);
    a.vgprs = most(a.vgprs, b->vgprs);
    a.sgprs = most(a.sgprs, b->sgprs);
    a.lds_bytes = most(a.lds_bytes, b->lds_bytes);
    return a;
}

struct choice {
    const struct reef_pad_device *device;
    const struct reef_pad_rules *rules;
    struct reef_pad_kernel merged;
    uint32_t needed;     /* occupancy that the parts chosen so far need */
    uint32_t left;       /* units */
    uint64_t rt_ns;      /* a BE part that takes longer costs RT the difference */
    uint64_t longest_ns; /* and takes at most this */
    uint64_t end_ns;     /* of the longest part so far, not less than rt_ns */
};

struct offer {
    uint32_t groups, cus, each;
    uint64_t ns;      /* the BE part takes */
    int64_t value_ns; /* of work brought forward, less what it costs RT */
};

/* @rounds times @each work-groups on as many units as that takes. False if it is worth nothing. */
static bool make_offer(const struct choice *choice, const struct reef_pad_candidate *candidate,
                       uint32_t each, uint64_t rounds, uint64_t time_ns, struct offer *offer)
{
    const struct reef_pad_kernel *k = candidate->kernel;
    uint64_t per_cu = rounds * each;
    if (per_cu == 0)
        return false;
    uint64_t cus = (candidate->groups + per_cu - 1) / per_cu;
    if (choice->rules->first_fit || cus > choice->left)
        cus = choice->left;
    uint64_t groups = per_cu * cus;
    if (groups > candidate->groups)
        groups = candidate->groups;
    uint64_t layers = (groups + cus - 1) / cus; /* it may need fewer rounds than it was given */
    offer->groups = (uint32_t)groups;
    offer->cus = (uint32_t)cus;
    offer->each = each;
    offer->ns = (layers + each - 1) / each * time_ns;
    uint64_t late_ns = offer->ns > choice->end_ns ? offer->ns - choice->end_ns : 0;
    offer->value_ns = (int64_t)(k->alone_ns * groups / most(k->groups, 1)) -
                      (int64_t)(late_ns * choice->rules->worth);
    if (groups == candidate->groups)
        offer->value_ns += choice->rules->finish_ns;
    return offer->value_ns > 0;
}

/* a gains more per unit than b. */
static bool better(const struct offer *a, const struct offer *b)
{
    return a->value_ns * b->cus > b->value_ns * a->cus;
}

/* The best that @candidate could do with the units that are left. False if it breaks a rule. */
static bool offer_of(const struct choice *choice, const struct reef_pad_candidate *candidate,
                     struct offer *best)
{
    const struct reef_pad_kernel *k = candidate->kernel;
    const struct reef_pad_rules *rules = choice->rules;
    struct reef_pad_kernel merged = merge(choice->merged, k);
    uint32_t occupancy = reef_padding_occupancy(choice->device, &merged, rules->ignore_lds);
    bool found = false;
    if (occupancy < choice->needed || candidate->groups == 0 || choice->left == 0)
        return false;
    for (uint32_t n = least(occupancy, k->times); n > 0; n -= most(n / 4, 1)) {
        uint64_t time_ns = (uint64_t)k->time_ns[n - 1] + (rules->profiled ? k->overhead_ns : 0);
        uint64_t in_time = choice->rt_ns / most((uint32_t)time_ns, 1);
        uint64_t late = choice->longest_ns / most((uint32_t)time_ns, 1);
        for (uint64_t rounds = in_time; rounds <= late; rounds++) {
            struct offer offer;
            if (!make_offer(choice, candidate, n, rounds, time_ns, &offer) ||
                (found && !better(&offer, best)))
                continue;
            found = true;
            *best = offer;
        }
        if (found && rules->first_fit) /* REEF: the largest occupancy that is fast enough */
            break;
    }
    return found;
}

/* The candidate not yet taken that gains most per unit; @count: none. */
static unsigned best_offer(const struct choice *choice, const struct reef_pad_candidate *candidates,
                           unsigned count, uint64_t taken, struct offer *best)
{
    unsigned chosen = count;
    *best = (struct offer){0};
    for (unsigned i = 0; i < count; i++) {
        struct offer offer;
        if ((taken >> i & 1) || !offer_of(choice, &candidates[i], &offer))
            continue;
        if (chosen < count && !better(&offer, best))
            continue;
        chosen = i;
        *best = offer;
        if (choice->rules->first_fit)
            break;
    }
    return chosen;
}

/* Chooses; @value_ns: what it brings BE, less what BE parts that end late cost. */
static unsigned choose(struct choice *choice, const struct reef_pad_candidate *candidates,
                       unsigned count, struct reef_pad pads[REEF_PADS_MAX], int64_t *value_ns)
{
    uint64_t taken = 0;
    unsigned chosen = 0;
    while (chosen < choice->rules->kernels && chosen < REEF_PADS_MAX) {
        struct offer offer;
        unsigned i = best_offer(choice, candidates, count, taken, &offer);
        if (i == count)
            break;
        pads[chosen++] = (struct reef_pad){
            .candidate = i,
            .groups = offer.groups,
            .first_cu = choice->device->cus - choice->left,
            .cus = offer.cus,
            .each = offer.each,
        };
        taken |= 1ull << i;
        *value_ns += offer.value_ns;
        choice->merged = merge(choice->merged, candidates[i].kernel);
        choice->needed = most(choice->needed, offer.each);
        choice->left -= offer.cus;
        if (offer.ns > choice->end_ns)
            choice->end_ns = offer.ns;
    }
    return chosen;
}

/* What the account may hold: after RT kernels that had no use for it, so much may be spent at once.
 */
enum { CREDIT_MAX_NS = 100000 };

void reef_padding_charge(struct reef_pad_account *account, uint64_t ns)
{
    account->credit_ns -= (int64_t)(ns < CREDIT_MAX_NS ? ns : CREDIT_MAX_NS);
    if (account->credit_ns < -CREDIT_MAX_NS)
        account->credit_ns = -CREDIT_MAX_NS;
}

unsigned reef_padding_choose(const struct reef_pad_device *device,
                             const struct reef_pad_rules *rules, struct reef_pad_account *account,
                             const struct reef_pad_kernel *rt,
                             const struct reef_pad_candidate *candidates, unsigned count,
                             struct reef_pad pads[REEF_PADS_MAX])
{
    uint32_t rt_cus = reef_padding_rt_cus(device, rt);
    int64_t merge_ns = (int64_t)(rt->alone_ns * rules->merge_milli / 1000), value_ns = 0;
    account->credit_ns += (int64_t)(rt->alone_ns * rules->allowance_milli / 1000);
    if (account->credit_ns > CREDIT_MAX_NS)
        account->credit_ns = CREDIT_MAX_NS;
    int64_t spare_ns = rules->allowance_milli ? account->credit_ns - merge_ns : 0;
    if (rt_cus >= device->cus || spare_ns < 0)
        return 0;
    uint64_t rt_ns = rt->alone_ns + (rules->profiled ? rt->overhead_ns + rules->launch_ns : 0);
    struct choice choice = {
        .device = device,
        .rules = rules,
        .merged = *rt,
        .needed =
            least(layers_of(device, rt), reef_padding_occupancy(device, rt, rules->ignore_lds)),
        .left = device->cus - rt_cus,
        .rt_ns = rt_ns,
        .longest_ns = rt_ns + (uint64_t)spare_ns,
        .end_ns = rt_ns,
    };
    unsigned chosen = choose(&choice, candidates, least(count, 64), pads, &value_ns);
    if (chosen == 0 || value_ns < merge_ns)
        return 0;
    if (rules->allowance_milli)
        account->credit_ns -= merge_ns + (int64_t)(choice.end_ns - rt_ns);
    return chosen;
}
