internal import MeterWire

/// What the book refuses to be told, because it contradicts what it holds.
extension BookState {
    /// Why this decision cannot be the next; nil if it can.
    package func refusal(of decision: Decision) -> DecisionRefusal? {
        switch decision {
        case .principalSet(let principal): refusal(of: principal)
        case .keyCreated(let key): refusal(of: key)
        case .keyRevoked(let revocation): refusal(of: revocation)
        case .keyReplaced(let replacement): refusal(of: replacement)
        case .componentDeclared(let component): refusal(of: component)
        case .componentWithdrawn(let withdrawal):
            components[withdrawal.name] == nil
                ? .unknownComponent(withdrawal.name)
                : wasTold(withdrawal.name) ? .componentInUse(withdrawal.name) : nil
        case .accessMade(let access): accesses[access.id] == nil ? nil : .accessExists(access.id)
        case .bindingSet(let binding): refusal(of: binding)
        case .bindingEnded(let end): refusal(of: end)
        case .planPeriodsSeen(let seen): refusal(of: seen)
        case .submissionIntended(let intent): refusal(of: intent)
        case .submissionConfirmed(let outcome), .submissionRefused(let outcome),
            .submissionUnknown(let outcome):
            refusal(of: outcome)
        case .openingBalance(let opening):
            openings[opening.key] == nil ? nil : .openingExists(opening.key)
        case .reportingResumed: nil
        case .sourceRetired(let retirement): retirement.reason.isEmpty ? .reasonMissing : nil
        case .gapAccepted(let gap):
            gap.reason.isEmpty ? .reasonMissing : gap.from >= gap.to ? .rangeEmpty : nil
        case .conflictDecided(let decision): decision.reason.isEmpty ? .reasonMissing : nil
        case .detailsErased(let erasure): erasure.reason.isEmpty ? .reasonMissing : nil
        case .limitsSet(let decision): refusal(of: decision)
        case .countingDeclared(let declaration):
            declaration.reason.isEmpty
                ? .reasonMissing
                : QuarterHour(startingAt: declaration.from) == nil ? .notAQuarterHour : nil
        default: billingRefusal(of: decision)
        }
    }

    private func refusal(of decision: LimitsDecision) -> DecisionRefusal? {
        if case .principal(let id) = decision.subject, principals[id] == nil {
            return .unknownPrincipal(id)
        }
        let foreign = decision.limits.limits.first { !decision.subject.limits.contains($0) }
        return foreign.map { .limitOfOther($0, decision.subject) }
    }

    private func refusal(of principal: Principal) -> DecisionRefusal? {
        guard let known = principals[principal.id] else {
            return principal.id == nextPrincipal ? nil : .principalNumber(next: nextPrincipal)
        }
        switch (known.kind, principal.kind) {
        case (.tenant(let old), .tenant(let new)) where old == new: return nil
        case (.platform, .platform), (.platform, .platformForAll), (.platformForAll, .platform),
            (.platformForAll, .platformForAll):
            return nil
        default: return .principalKindFixed(principal.id)
        }
    }

    private func refusal(of key: Key) -> DecisionRefusal? {
        if keys[key.id] != nil { return .keyExists(key.id) }
        guard let principal = principals[key.principal] else {
            return .unknownPrincipal(key.principal)
        }
        if case .tenant = principal.kind, key.scopes.contains(.admin) {
            return .adminScopeOfTenant
        }
        switch key.kind {
        case .wire:
            if key.secretHash != nil { return .keyWithoutHash }
            return key.scopes == .ingest ? nil : .wireKeyScopes
        case .http:
            guard let hash = key.secretHash, BookHash(hash) != nil else { return .keyWithoutHash }
            return nil
        }
    }

    private func refusal(of revocation: KeyRevocation) -> DecisionRefusal? {
        guard let standing = keys[revocation.id] else { return .unknownKey(revocation.id) }
        return standing.revoked == nil ? nil : .keyAlreadyRevoked(revocation.id)
    }

    private func refusal(of replacement: KeyReplacement) -> DecisionRefusal? {
        guard let old = keys[replacement.id] else { return .unknownKey(replacement.id) }
        guard let new = keys[replacement.by] else { return .unknownKey(replacement.by) }
        if old.revoked != nil { return .keyAlreadyRevoked(replacement.id) }
        if let by = old.replacement?.by { return .keyAlreadyReplaced(replacement.id, by: by) }
        let isSameHolder =
            old.key.principal == new.key.principal && old.key.kind == new.key.kind
            && old.key.id != new.key.id
        return isSameHolder ? nil : .keyReplacedByAnothers(replacement.id, by: replacement.by)
    }

    private func refusal(of component: Component) -> DecisionRefusal? {
        if component.unitsPerReported == 0 { return .unitsPerReportedZero }
        guard let known = components[component.name] else { return nil }
        let isSameUnit =
            known.unitsPerReported == component.unitsPerReported && known.unit == component.unit
        return isSameUnit ? nil : .componentFixed(component.name)
    }

    private func refusal(of binding: Binding) -> DecisionRefusal? {
        guard let access = accesses[binding.access] else { return .unknownAccess(binding.access) }
        guard access.tenant == binding.tenant, access.agent == binding.agent else {
            return .accessOfAnother(tenant: access.tenant, agent: access.agent)
        }
        if let to = binding.to, to <= binding.from { return .bindingEmpty }
        let other = bindings[binding.access]?.first { $0.overlaps(binding) }
        return other.map {
            .bindingOverlaps(from: $0.from, to: $0.to, resource: $0.resource)
        }
    }

    private func refusal(of end: BindingEnd) -> DecisionRefusal? {
        guard let binding = bindings[end.access]?.first(where: { $0.from == end.from }) else {
            return .unknownBinding(end.access, from: end.from)
        }
        guard end.to >= binding.from, binding.to.map({ end.to < $0 }) ?? true else {
            return .bindingEndNotEarlier
        }
        return nil
    }

    private func refusal(of seen: PlanPeriodsSeen) -> DecisionRefusal? {
        var ids: Set<PlanPeriodID> = []
        for period in seen.periods where !ids.insert(period.id).inserted {
            return .planPeriodTwice(period.id)
        }
        return nil
    }

    private func refusal(of intent: SubmissionIntent) -> DecisionRefusal? {
        if intent.number <= lastIntentNumber { return .intentNumber(last: lastIntentNumber) }
        if intent.items.isEmpty { return .intentEmpty }
        if billing.isCut(intent.month, of: intent.waldur) { return .periodIsCut(intent.month) }
        var names: Set<Name> = []
        for item in intent.items {
            if !names.insert(item.component).inserted {
                return .intentComponentTwice(item.component)
            }
            if item.amount < .zero { return .intentNegative(item.component) }
            let key = intent.key(item.component)
            let standing = submission(key)
            if let open = standing?.open.first { return .intentOpen(key, number: open.number) }
            if intent.lowersBecause == nil, let confirmed = standing?.confirmed,
                item.amount < confirmed.amount
            {
                return .intentLowers(key, confirmed: confirmed.amount)
            }
        }
        return nil
    }

    private func refusal(of outcome: SubmissionOutcome) -> DecisionRefusal? {
        guard let open = openIntents[outcome.number] else {
            return .unknownIntent(outcome.number)
        }
        let missing = outcome.components?.first { !open.open.contains($0) }
        return missing.map { .intentHasNot(outcome.number, $0) }
    }
}
