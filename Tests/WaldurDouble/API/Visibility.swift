/// Who sees what. Usage rows are missing here on purpose: Waldur shows them all to everybody.
extension WaldurModel {
    private func connected(_ user: User, toCustomer customer: ID) -> Bool {
        user.roles.contains { $0.scope == .customer(customer) }
    }

    /// As the provider's side sees it.
    func provides(_ user: User, _ resource: Resource) -> Bool {
        guard let offering = offerings[resource.offering] else { return false }
        return sees(user, offering)
    }

    /// A provider sees the customers of its resources in these lists' answers and nowhere else.
    func sees(_ user: User, _ customer: Customer) -> Bool {
        user.isStaff || connected(user, toCustomer: customer.id)
    }

    func sees(_ user: User, _ project: Project) -> Bool {
        user.isStaff || connected(user, toCustomer: project.customer)
            || user.roles.contains { $0.scope == .project(project.id) }
    }

    func sees(_ user: User, _ offering: Offering) -> Bool {
        user.isStaff || connected(user, toCustomer: offering.customer)
            || user.roles.contains { $0.scope == .offering(offering.id) }
    }

    /// As the buyer's side sees it.
    func consumes(_ user: User, _ resource: Resource) -> Bool {
        user.isStaff || user.roles.contains { $0.scope == .project(resource.project) }
            || customer(of: resource).map { connected(user, toCustomer: $0) } ?? false
    }

    func sees(_ user: User, _ order: Order) -> Bool {
        guard let resource = resources[order.resource] else { return false }
        let provider = offerings[resource.offering]?.customer
        return consumes(user, resource) || provider.map { connected(user, toCustomer: $0) } ?? false
    }

    func sees(_ user: User, _ invoice: Invoice) -> Bool {
        user.isStaff || connected(user, toCustomer: invoice.customer)
    }

    /// Items of the resources of the organisations that the user owns or manages.
    func providesItem(_ user: User, _ item: InvoiceItem) -> Bool {
        guard let offering = resources[item.resource].flatMap({ offerings[$0.offering] }) else {
            return false
        }
        return user.isStaff || user.has([.owner, .manager], on: .customer(offering.customer))
    }

    /// Whether the user may order for a resource: staff, and managers of its project or customer.
    func mayOrder(_ user: User, for resource: Resource) -> Bool {
        let customer = customer(of: resource)
        return user.isStaff
            || user.has([.manager, .admin, .owner], on: .project(resource.project))
            || customer.map { user.has([.owner, .manager], on: .customer($0)) } ?? false
    }

    /// Whether the user may make and change offerings of an organisation.
    func mayPublish(_ user: User, for customer: ID) -> Bool {
        user.isStaff || user.has([.owner, .manager], on: .customer(customer))
    }

    /// Whether the user may approve and reject for the provider.
    func mayReview(_ user: User, _ order: Order) -> Bool {
        guard let offering = resources[order.resource].flatMap({ offerings[$0.offering] }) else {
            return false
        }
        return user.isStaff || user.has([.owner, .manager], on: .customer(offering.customer))
    }
}
