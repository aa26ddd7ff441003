{%- extends "label.zpl" -%}
{%- block drawing %}
{{- parts.rule(20, 46, 976) }}{{ parts.rule(20, 476, 976) }}
{%- if label.test %}{{ parts.stripes(0, 1001, 50, 740) }}{% endif %}
{%- endblock %}
