internal import Meter

/// `/admin/v1/config`: what the running server was told, and where each value came from.
struct ConfigRoutes {
    let context: ServerContext

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/config", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(["settings": .array(settings())])
            }
        ]
    }

    /// Secrets are named and not shown.
    private func settings() -> [JSONOutput] {
        let values = context.configuration.values
        return values.settings.compactMap { setting in
            guard let value = values.value(setting) else { return nil }
            return [
                "setting": .string(setting.path),
                "value": .string(setting.isSecret ? "(secret)" : value.text),
                "unit": .string(setting.unit), "origin": .string(value.origin),
            ]
        }
    }
}
