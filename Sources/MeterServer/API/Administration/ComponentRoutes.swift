internal import Meter
internal import MeterWire

/// `/admin/v1/components`: what is metered, and in which unit Waldur is told.
struct ComponentRoutes {
    let context: ServerContext

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/components", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                let components = context.book.state.components.values
                return .json([
                    "components": .array(components.sorted { $0.name < $1.name }.map(Self.json))
                ])
            },
            APIRoute(
                .put,
                "/admin/v1/components/{component}",
                scopes: .admin,
                bodyByteCountMax: 1 << 12
            ) { call throws(Problem) in try set(call) },
        ]
    }

    private func set(_ call: APICall) throws(Problem) -> APIAnswer {
        let name = try RequestFields.name(call.parts["component"] ?? "", "component")
        let fields = try RequestFields(
            call.body,
            allowed: ["unit", "reportedUnit", "unitsPerReported", "dryRun"]
        )
        let component = Component(
            name: name,
            unit: try fields.name("unit").description,
            reportedUnit: try fields.optional("reportedUnit"),
            unitsPerReported: try fields.natural("unitsPerReported") ?? 1
        )
        // Saying the same again is no decision.
        if context.book.state.components[name] != component {
            try context.book.decide(
                [.componentDeclared(component)],
                call.caller,
                isDryRun: fields.isDryRun()
            )
        }
        return .json(Self.json(component))
    }

    private static func json(_ component: Component) -> JSONOutput {
        [
            "component": .string(component.name.description), "unit": .string(component.unit),
            "reportedUnit": .string(component.reportedUnit),
            "unitsPerReported": .decimal(component.unitsPerReported),
        ]
    }
}
