// Swagger UI. "Try it out" stays closed until it is clicked, and the id of what you have placed is filled into the other
// operations. What you have typed yourself stays.

function fillIn(response) {
  const { orderId, groupId, secret, id } = response.obj ?? {};
  const parameters = { order_id: orderId, group_id: groupId, webhook_id: secret && id };
  for (const [parameter, value] of Object.entries(parameters)) {
    if (typeof value === "string") fillInParameter(parameter, value);
  }
  return response;
}

function fillInParameter(parameter, value) {
  for (const [path, operations] of Object.entries(ui.specSelectors.specJson().get("paths").toJS())) {
    if (!path.includes(`{${parameter}}`)) continue;
    for (const method of Object.keys(operations)) ui.specActions.changeParam([path, method], parameter, "path", value, false);
  }
}

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  showExtensions: true,
  showCommonExtensions: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
  responseInterceptor: fillIn,
});
