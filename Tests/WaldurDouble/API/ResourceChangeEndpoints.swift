extension Endpoint {
    /// What buyers, providers and staff do to a resource.
    static let resourceChangeEndpoints: [Endpoint] = [
        .post("/api/marketplace-resources/{uuid}/switch_plan/", switchPlan),
        .post("/api/marketplace-resources/{uuid}/terminate/", terminate),
        .post("/api/marketplace-resources/{uuid}/move_resource/", move),
        .post("/api/marketplace-provider-resources/{uuid}/set_backend_id/", setBackendID),
        .post("/api/marketplace-provider-resources/{uuid}/set_end_date_by_provider/", setEndDate),
    ]

    private static func consumed(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Resource {
        let user = try call.caller()
        guard let resource = model.resources[ID(call.key)], model.consumes(user, resource) else {
            throw .notFound("Resource")
        }
        guard model.mayOrder(user, for: resource) else { throw .forbidden }
        return resource
    }

    /// What the buyer may change by itself: the name and the end date.
    static let changeResource: Handler = { (model, call) throws(Refusal) in
        let resource = try consumed(model, call)
        let user = try call.caller()
        var fields = try BodyFields(call)
        let name = fields.has("name") ? fields.text("name", longest: 150) : resource.name
        let day = fields.day("end_date")
        try fields.check()
        let now = model.stamp()
        model.resources.update(resource.id) { resource in
            resource.name = name
            resource.modified = now
            if fields.has("end_date") {
                resource.endDate = day
                resource.endDateRequestedBy = user.id
            }
        }
        let changed = model.resources[resource.id] ?? resource
        return .ok([
            "name": .string(changed.name), "description": "", "end_date": .text(changed.endDate),
        ])
    }

    private static let move: Handler = { (model, call) throws(Refusal) in
        let user = try call.caller()
        guard let resource = model.resources[ID(call.key)],
            model.consumes(user, resource) || model.provides(user, resource)
        else { throw .notFound("Resource") }
        guard user.isStaff else { throw .forbidden }
        let url = try call.json()["project"]?["url"]?.string ?? ""
        guard let project = BodyFields.id(in: url).flatMap({ model.projects[$0] }) else {
            throw .invalid(["project": ["Invalid hyperlink - Object does not exist."]])
        }
        try model.move(resource, to: project)
        let moved = model.resources[resource.id] ?? resource
        return .ok(Serializer(model, call).resource(moved, inList: true))
    }

    private static func provided(_ model: WaldurModel, _ call: Call) throws(Refusal) -> Resource {
        let user = try call.caller()
        guard let resource = model.resources[ID(call.key)], model.provides(user, resource) else {
            throw .notFound("Resource")
        }
        return resource
    }

    /// Any text, also one that another resource has.
    private static let setBackendID: Handler = { (model, call) throws(Refusal) in
        let resource = try provided(model, call)
        guard model.maySetUsage(try call.caller(), of: resource) else { throw .forbidden }
        let text = try call.json()["backend_id"]?.string ?? ""
        let now = model.stamp()
        model.resources.update(resource.id) {
            $0.backendID = text
            $0.modified = now
        }
        return .ok(["status": "Resource backend_id has been changed."])
    }

    /// A provider may not end a resource that was used within the last 90 days.
    private static let setEndDate: Handler = { (model, call) throws(Refusal) in
        let resource = try provided(model, call)
        var fields = try BodyFields(call)
        let day = fields.day("end_date")
        try fields.check()
        let since = call.now.advanced(bySeconds: -90 * 86_400)
        if model.usages.rows.contains(where: { $0.key.resource == resource.id && $0.date > since })
        {
            throw .invalid([
                "end_date": [
                    "Service provider can not set end date of the resource which has been used for the last 90 days."
                ]
            ])
        }
        let user = try call.caller()
        model.resources.update(resource.id) {
            $0.endDate = day
            $0.endDateRequestedBy = user.id
        }
        return Answer(status: 200)
    }

    private static let switchPlan: Handler = { (model, call) throws(Refusal) in
        let resource = try consumed(model, call)
        guard let given = try call.json()["plan"] else {
            throw .invalid(["plan": ["This field is required."]])
        }
        let key = given.string?.split(separator: "/").last.map(String.init) ?? ""
        guard let plan = model.plans[ID(key)] else {
            throw .invalid(["plan": ["Invalid hyperlink - Object does not exist."]])
        }
        guard plan.offering == resource.offering else {
            throw .invalid(["plan": ["Plan is not available for this offering."]])
        }
        guard resource.state == .ok else { throw .conflict("Valid states for operation: OK.") }
        let order = try model.order(resource, switchTo: plan, by: try call.caller())
        return .ok(["order_uuid": .string(order.id.hex)])
    }

    private static let terminate: Handler = { (model, call) throws(Refusal) in
        let resource = try consumed(model, call)
        guard resource.state == .ok || resource.state == .erred else {
            throw .conflict("Valid states for operation: OK, Erred.")
        }
        let order = try model.order(resource, switchTo: nil, by: try call.caller())
        return .ok(["order_uuid": .string(order.id.hex)])
    }
}
