package import MeterWire

/// One agent as one project of a tenant ordered it.
package struct Access: Equatable, Codable, Sendable {
    package let id: AccessID
    package let tenant: Name
    package let agent: Name
    /// For people: project, order, whatever tells two accesses of an agent apart.
    package let label: String?

    package init(id: AccessID, tenant: Name, agent: Name, label: String? = nil) {
        self.id = id
        self.tenant = tenant
        self.agent = agent
        self.label = label
    }
}

/// What becomes of the usage of a binding.
package enum BindingClass: String, Codable, Sendable, CaseIterable {
    /// Metered and told.
    case live
    /// Metered and compared, nothing told.
    case shadow
    case free
    case trial
    case `internal`
}

/// Access → (Waldur, resource), for the minutes `[from, to)`.
package struct Binding: Equatable, Codable, Sendable {
    package let access: AccessID
    package let tenant: Name
    package let agent: Name
    package let waldur: WaldurID
    package let resource: ResourceID
    package let from: Minute
    /// nil while nobody has ended it.
    package var to: Minute?
    package let `class`: BindingClass

    package init(
        access: AccessID,
        tenant: Name,
        agent: Name,
        waldur: WaldurID,
        resource: ResourceID,
        from: Minute,
        to: Minute? = nil,
        class: BindingClass
    ) {
        self.access = access
        self.tenant = tenant
        self.agent = agent
        self.waldur = waldur
        self.resource = resource
        self.from = from
        self.to = to
        self.class = `class`
    }

    package var resourceKey: ResourceKey { ResourceKey(waldur: waldur, resource: resource) }

    package func contains(_ minute: Minute) -> Bool {
        guard from <= minute else { return false }
        guard let to else { return true }
        return minute < to
    }

    package func overlaps(_ other: Binding) -> Bool {
        let startsBeforeOtherEnds = other.to.map { from < $0 } ?? true
        let endsAfterOtherStarts = to.map { other.from < $0 } ?? true
        return startsBeforeOtherEnds && endsAfterOtherStarts
    }
}

/// Gives a binding its end, or an earlier one; an end equal to its start takes it back.
package struct BindingEnd: Equatable, Codable, Sendable {
    package let access: AccessID
    /// Which binding of the access: the one that begins here.
    package let from: Minute
    package let to: Minute
    package let reason: String?

    package init(access: AccessID, from: Minute, to: Minute, reason: String? = nil) {
        self.access = access
        self.from = from
        self.to = to
        self.reason = reason
    }
}
